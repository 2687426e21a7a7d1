"""A store with the hours of a trial at many gates, and how long its report takes: time and memory."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import create_engine, insert

from bench import rows
from bench.rows import Row
from sekisho.config import Config, parse
from sekisho.config.trial_plan import plan_of
from sekisho.measure.equipment import EQUIPMENT_SUMS
from sekisho.measure.readings import SUMS, held_by
from sekisho.store import open_store
from sekisho.store.equipment_tables import LATE, equipment_hour
from sekisho.store.minutes_packing import pack_histogram
from sekisho.store.minutes_tables import counted_hour, counted_series
from sekisho.store.moments import to_us
from sekisho.store.peaks import peak_span
from sekisho.trial.plan import Arm, Block, Plan, at_gate, schedule

GATES: Final = 100
DAYS: Final = 364
LIMITED: Final = 0.9  # times as many are tried while the limit is on
_HOUR: Final = timedelta(hours=1)
_AT_ONCE: Final = 10_000  # rows
_FIRST: Final = date(2025, 1, 6)
_TRIED: Final = 2_000  # in an hour, on the average
_OFTEN: Final = 10  # pools of numbers that are drawn beforehand
_BYTES: Final = 4_000


def config_of(days: int, url: str) -> Config:
    """Return the configuration of a trial with a switchback over so many days, which have passed."""
    checked = parse(text_of(days, url).encode())
    if checked.config is None:
        raise AssertionError(checked.problems)
    return checked.config


def text_of(days: int, url: str) -> str:
    """Return it as its file has it."""
    last = _FIRST + timedelta(days=days - 1)
    return f"""
[gate]
name = "gate000"
subscriber = ["bng0"]
uplink = ["up0"]
[store]
url = "{url}"
[class.dynamic]
mode = "observe"
cap = 5
delay = "1s"
[[pool]]
prefix = "100.64.0.0/16"
class = "dynamic"
[trial]
name = "year"
from = {_FIRST}
to = {last}
zone = "Asia/Tokyo"
classes = ["dynamic"]
[trial.switchback]
from = {_FIRST}
to = {last}
block = "6h"
seed = 7
on = {{ cap = 3, delay = "2s" }}
"""


def fill(config: Config, gates: int) -> None:
    """Write the hours of a trial at so many gates into its store."""
    plan = plan_of(config)
    url = config.kept.url
    if plan is None or url is None:
        raise AssertionError("the configuration has both")
    open_store(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        for number in range(gates):
            series: dict[str, Any] = {
                "number": number + 1,
                "arm_number": 0,
                "gate": f"gate{number:03d}",
                "class_name": "dynamic",
            }
            connection.execute(insert(counted_series).values(series))
            hours = list(_hours(at_gate(plan, series["gate"]), number))
            peaks = [_peaks(series["gate"], hour) for hour in hours]
            loads = [_load(series["gate"], hour) for hour in hours]
            for table, written in ((counted_hour, hours), (peak_span, peaks), (equipment_hour, loads)):
                for first in range(0, len(written), _AT_ONCE):
                    connection.execute(insert(table), written[first : first + _AT_ONCE])
    engine.dispose()


def measure(gates: int = GATES, days: int = DAYS) -> Iterator[Row]:
    """Fill a store, report it in a process of its own, and judge."""
    with TemporaryDirectory(prefix="sekisho-bench-") as directory:
        config = config_of(days, f"sqlite:///{Path(directory).absolute()}/year.db")
        fill(config, gates)
        seconds, mebibytes = _reported(config, days)
    name = f"report of {days} days of {gates} gates"
    yield rows.at_most(f"{name}: time", seconds, "s", 30)
    yield rows.at_most(f"{name}: memory", mebibytes, "MiB", 1_024)


def _hours(plan: Plan, number: int) -> Iterator[dict[str, Any]]:
    random = Random(number)
    for block in schedule(plan):
        begin = block.begin
        while begin < block.end:
            yield _hour(block, begin, number, random)
            begin += _HOUR


def _hour(block: Block, begin: datetime, number: int, random: Random) -> dict[str, Any]:
    held = held_by(block, begin)
    on = block.arm is Arm.ON
    tried = round(random.gauss(_TRIED, _TRIED / _OFTEN) * (LIMITED if on else 1.0))
    counted = {
        "attempted": tried,
        "admitted": tried - tried // 20 if on else tried,
        "refused": tried // 20 if on else 0,
        "over_cap": 0 if on else tried // 20,
        "held": tried if on else 0,
        "bytes_out": tried * _BYTES,
    }
    place = {"series": number + 1, "begin": to_us(begin), "since": to_us(held.since) if held.since else 0}
    what = {"phase": 0, "timing": 0, "washout": held.washout, "arm": held.arm}
    rest = {"covered": 3_600_000_000, "concurrency": b"", "length": b""}
    return {**dict.fromkeys(SUMS, 0), **counted, **place, **what, **rest}


def _peaks(gate: str, hour: dict[str, Any]) -> dict[str, Any]:
    """Return lines of which every other one has twice as many sessions at once; some meet the cap."""
    lines = tuple(hour["admitted"] >> (peak + 2) for peak in range(8))
    spans = {"begin": hour["begin"], "end": hour["begin"] + _HOUR // timedelta(microseconds=1)}
    counted = {"met_cap": hour["refused"] >> 2, "active": sum(lines), "lines": pack_histogram(lines)}
    return {**spans, **counted, "arm_number": 0, "gate": gate, "class_name": "dynamic"}


def _load(gate: str, hour: dict[str, Any]) -> dict[str, Any]:
    """Return what the equipment did for the sessions of an hour; the hold is a millisecond late at most."""
    tried, held = hour["attempted"], hour["held"]
    place = {key: hour[key] for key in ("begin", "since", "covered", "phase", "timing", "washout", "arm")}
    counted = {"cpu_ms": 7_200_000, "busy_ms": 300 * tried, "received": 20 * tried, "sent": 20 * tried}
    sums = dict.fromkeys((*EQUIPMENT_SUMS, "highest", *LATE), 0)
    return {**sums, **counted, "held": held, LATE[0]: held, **place, "gate": gate}


def _reported(config: Config, days: int) -> tuple[float, float]:
    """Report in a process of its own, whose memory is that of the report alone."""
    url = str(config.kept.url)
    argv = [sys.executable, "-m", "bench.trial_year", url, str(days)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    seconds, kibibytes = done.stdout.split()
    return float(seconds), float(kibibytes) / 1_024


def main() -> None:
    """Report one store; print seconds and the most memory in KiB."""
    begin = time.monotonic()
    from sekisho.pages.report import report_page  # noqa: PLC0415 - what is loaded counts too
    from sekisho.pages.voice import Language  # noqa: PLC0415
    from sekisho.reporting.recorded import Recording  # noqa: PLC0415
    from sekisho.reporting.trial import read_report  # noqa: PLC0415
    from sekisho.store.read_only import reading_only  # noqa: PLC0415

    url, days = sys.argv[1:]
    recording = Recording(url, datetime.now(UTC), "bench")
    with reading_only(url) as transaction:
        report = read_report(config_of(int(days), url), transaction, recording)
    report_page(report, Language.JA)
    print(time.monotonic() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main()
