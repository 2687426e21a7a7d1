"""Keeps the rules that fill the queues, and what else they need, whoever undoes it."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from typing import Final

import structlog

from sekisho.gate.commands import RulesError
from sekisho.gate.flushes import FlushWatch, generation
from sekisho.gate.rules import Backend
from sekisho.gate.ruleset import QueueRule

LOOK_MS: Final = 5_000  # between looks at the ruleset's generation, should an event be lost
CALM_SECONDS: Final = 0.25  # after a look that found all rules, should somebody delete others without end

log = structlog.get_logger()


class RuleGuard:
    """A thread that restores rules as soon as they are gone.

    Until then the delay is kept by retransmission. `keep_open` lets packets come to the rules; it is called
    at each look.
    """

    def __init__(self, rules: Backend, keep_open: Callable[[], None]) -> None:
        self._rules = rules
        self._keep_open = keep_open
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sekisho-rules", daemon=True)
        self._wanted: frozenset[QueueRule] = frozenset()
        self._missing: frozenset[QueueRule] = frozenset()
        self.restored = 0
        """How often rules were found missing and restored."""

    def start(self, wanted: frozenset[QueueRule]) -> None:
        """Install these rules in the caller's network namespace and watch over them there.

        Errors: RulesError when one is refused, or packets cannot be let come to them.
        """
        self._keep_open()
        self.change(wanted)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread.start()

    def change(self, wanted: frozenset[QueueRule]) -> None:
        """Have these rules from now on; called where `start` was.

        Errors: RulesError when one is refused.
        """
        with self._lock:
            self._wanted = wanted
            self._rules.change(wanted)
            self._missing = frozenset()

    def present(self) -> frozenset[QueueRule]:
        """Return the rules that were there when last looked at."""
        return self._wanted - self._missing

    def is_alive(self) -> bool:
        """Tell whether somebody watches."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End the thread; the rules stay."""
        self._stopping.set()
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        os.close(self._wake)

    def _watch(self) -> None:
        watch = FlushWatch()
        poll = select.poll()
        poll.register(watch.fileno(), select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        seen = None  # the first look is at once: something may have happened before the watch began
        while not self._stopping.is_set():
            flushed, now = watch.drain(), generation()
            if flushed or now != seen:
                if not self._repair():  # else look again at once: the flush may have come in between
                    self._stopping.wait(CALM_SECONDS)
                seen = None if self._missing else now  # what was refused is tried again at the next look
            self._look_whether_open()
            poll.poll(LOOK_MS)
        watch.close()

    def _look_whether_open(self) -> None:
        try:
            self._keep_open()
        except RulesError as error:
            log.error("packets do not come to the queue rules", error=str(error))  # noqa: TRY400 - as below

    def _repair(self) -> bool:
        """Restore what is missing; tell whether anything was."""
        with self._lock:
            try:
                restored = self._rules.change(self._wanted)
            except RulesError as error:
                self._missing = self._wanted
                log.error("queue rules not restored", error=str(error))  # noqa: TRY400 - the message says it all
                return False
            self._missing = frozenset()
        if restored:
            self.restored += 1
            log.warning(
                "queue rules restored", banks=sorted(rule.bank for rule in restored), times=self.restored
            )
        return bool(restored)
