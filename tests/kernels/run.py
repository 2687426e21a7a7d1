"""Run the gate's kernel tests inside other kernels: `python -m tests.kernels.run`.

One line a kernel: passed, failed, skipped with the reasons. Fails when a test failed, when a kernel
could not be had, did not boot or ran nothing.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.kernels import debs, machine

CACHE = machine.REPOSITORY / "build/kernels"
CASES = sorted(
    str(path.relative_to(machine.REPOSITORY))
    for path in machine.REPOSITORY.glob("tests/kernel/test_cases_*.py")
)
TESTS = (
    "tests/kernels/inside.py",
    "tests/kernel/test_abi.py",
    *CASES,
    "tests/kernel/test_peaks.py",
    "tests/kernel/test_tables_of_lines.py",
    "tests/system/test_loader.py",
    "tests/system/test_hold.py",
    "tests/system/test_daemon.py",
)
NOT_THE_OLD_HOOK = ("-k", "not clsact")  # where there is TCX; 6.1 has the old hook to itself
ROUNDS = (
    (debs.Release("bookworm", "bookworm-security"), TESTS),  # 6.1
    (debs.Release("trixie", "trixie-security"), (*TESTS, *NOT_THE_OLD_HOOK)),  # 6.12
    (debs.Release("trixie-backports"), (*TESTS, *NOT_THE_OLD_HOOK)),  # the newest that Debian 13 can have
)


@dataclass(frozen=True)
class Outcome:
    """What one kernel's run came to."""

    passed: int
    failures: tuple[str, ...]
    skips: Counter[str]

    @property
    def good(self) -> bool:
        return self.passed > 0 and not self.failures


def outcome(report: str) -> Outcome:
    """Read a JUnit report."""
    passed, failures, skips = 0, [], Counter[str]()
    for case in ET.fromstring(report).iter("testcase"):  # noqa: S314 (our own pytest wrote it)
        results = {part.tag: part.get("message", "") for part in case}
        bad = results.get("failure", results.get("error"))
        if bad is not None:
            failures.append(f"{case.get('classname')}::{case.get('name')}: {bad.partition(chr(10))[0]}")
        elif "skipped" in results:
            skips[results["skipped"]] += 1
        else:
            passed += 1
    return Outcome(passed, tuple(failures), skips)


def main() -> int:
    """Run every kernel and return the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # the guest ends with us
    good = [_good(release, arguments) for release, arguments in ROUNDS]
    return 0 if all(good) else 1


def _good(release: debs.Release, arguments: Sequence[str]) -> bool:
    """Run the tests in a release's kernel, tell what came of it, and return whether all is well."""
    started = time.monotonic()
    logs = CACHE / release.suite
    try:
        kernel = debs.kernel(release, CACHE)
        print(f"kernel {kernel.release}: booting it under qemu", flush=True)
        found = outcome(_report(kernel, arguments, logs))
    except (debs.NoKernelError, machine.GuestError) as reason:
        print(f"kernel of {release.suite}: {reason}", flush=True)
        return False
    skipped = found.skips.total()
    seconds = time.monotonic() - started
    counts = f"{found.passed} passed, {len(found.failures)} failed, {skipped} skipped in {seconds:.0f} s"
    print(f"kernel {kernel.release}: {counts}")
    for why, count in sorted(found.skips.items()):
        print(f"    {count} skipped: {why}")
    for failure in found.failures:
        print(f"    failed: {failure}")
    if not found.good:
        print(f"    its console: {(logs / 'console.log').relative_to(machine.REPOSITORY)}", flush=True)
    return found.good


def _report(kernel: debs.Kernel, arguments: Sequence[str], logs: Path) -> str:
    """Return the kernel's JUnit report; console and report stay in `logs`, the last run's."""
    with tempfile.TemporaryDirectory(prefix="sekisho-kernel-") as place:
        try:
            return machine.run(kernel, arguments, Path(place))
        finally:
            for path in (Path(place, "console.log"), Path(place, "report.xml")):
                if path.exists():
                    shutil.copy(path, logs)


if __name__ == "__main__":
    sys.exit(main())
