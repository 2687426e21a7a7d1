"""The process that makes a report for the daemon: a request on its standard input, the report on the other.

It is one of its own since a report takes a core for seconds and hundreds of megabytes, and loads what the
daemon never does. The gate comes first: this one runs when nobody else wants the processor, has a bound on
its memory, and is the first to end where the machine has none left; so it is before it loads anything.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sekisho.reporting.request import Request

LEAST_PRIORITY: Final = 19
MOST_BYTES: Final = 2 << 30  # four times what a year of 100 gates took
FIRST_TO_END: Final = "1000"  # proc(5), oom_score_adj


def made(request: Request) -> str:
    """Return the document that is asked for. Raises StoreError."""
    from sekisho.pages.report import report_page
    from sekisho.reporting.trial import read_report
    from sekisho.store.read_only import reading_only
    from sekisho.trial.report_written import report_json

    with reading_only(request.recording.url) as transaction:
        report = read_report(request.config, transaction, request.recording)
    return report_json(report) if request.page is None else report_page(report, request.page)


def give_way() -> None:
    """Let processor and memory be the gate's first."""
    os.nice(LEAST_PRIORITY)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    Path("/proc/self/oom_score_adj").write_text(FIRST_TO_END)


def main() -> int:
    """Answer one request; return the exit status."""
    give_way()
    import pickle

    from sekisho.reporting.request import STORE_AWAY
    from sekisho.store import StoreError

    request: Request = pickle.load(sys.stdin.buffer)  # noqa: S301 - the daemon wrote it
    try:
        status, answer = 0, made(request)
    except StoreError as error:
        status, answer = STORE_AWAY, str(error)
    sys.stdout.buffer.write(answer.encode())
    return status


if __name__ == "__main__":
    sys.exit(main())
