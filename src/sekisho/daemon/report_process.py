"""The daemon's side of the process that makes a report: one at a time, and none outlives the daemon."""

from __future__ import annotations

import asyncio
import pickle
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog

from sekisho.api.problems import Fault, RefusalError
from sekisho.daemon.children import command, why_not_started
from sekisho.reporting.request import STORE_AWAY, Request

LONGEST_SECONDS: Final = 600.0  # four times what a year of 100 gates took on a machine wanted nine times over
# By its name, since the daemon loads none of it.
_PROGRAM: Final = command("sekisho.reporting")
_BUSY: Final = (
    429,
    "busy",
    "A report is being made",
    "one is made at a time, beside the gate's work: ask again when that one is done",
)
_TITLE: Final = "There is no report"

log = structlog.get_logger()


class ReportProcess:
    """Makes reports; all is called in the one loop. `program`: what is run, with its arguments."""

    def __init__(self, program: Sequence[str] = _PROGRAM) -> None:
        self._program = program
        self._is_busy = False

    async def report(self, request: Request) -> bytes:
        """Return the document. Raises RefusalError."""
        if self._is_busy:
            raise RefusalError(*_BUSY)
        self._is_busy = True
        try:
            status, said = await _answer(self._program, pickle.dumps(request))
        finally:
            self._is_busy = False
        if status == STORE_AWAY:
            raise RefusalError(503, "store", "The store is away", said.decode(), fault=Fault.US)
        if status != 0:
            way_out = "see the log, or make it by `sekisho trial report`"
            raise _ended(f"the process that makes it ended, our fault (status {status}): {way_out}")
        return said


async def _answer(program: Sequence[str], request: bytes) -> tuple[int, bytes]:
    """Run the process to its end; return its exit status and what it said. Raises RefusalError."""
    try:
        # Its own session: Ctrl-C is for the daemon, which ends it in turn.
        process = await asyncio.create_subprocess_exec(
            *program, stdin=PIPE, stdout=PIPE, start_new_session=True
        )
    except OSError as error:
        raise _ended(f"the process that makes it cannot be started: {why_not_started(error)}") from error
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            said, _ = await process.communicate(request)
    except TimeoutError:
        detail = f"it was not made within {LONGEST_SECONDS:.0f} s: make it by `sekisho trial report`"
        raise _ended(detail) from None
    finally:
        await _end(process)
    return process.returncode or 0, said


async def _end(process: Process) -> None:
    """Let nothing go on that nobody waits for any more: the daemon ends, or it took too long."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _ended(detail: str) -> RefusalError:
    log.error("no report", why=detail)
    return RefusalError(503, "report", _TITLE, detail, fault=Fault.US)
