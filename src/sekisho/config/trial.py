"""How [trial] is written: its dates and classes, phases, the switchback, windows of maintenance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, tzinfo
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator

from sekisho.config.notice import NoticeTable
from sekisho.config.places import Zone
from sekisho.config.table import Table
from sekisho.config.values import Cap, Delay, Duration, Name, fault, read_text, toml
from sekisho.durations import format_ms
from sekisho.gate.releases import LATENESS_EDGES_MS
from sekisho.model import Limit, Mode
from sekisho.trial.plan import Span, Units
from sekisho.trial.protocol import USUAL, Difference, Guardrails, HarmOutcome, Outcome
from sekisho.trial.walltime import DAY, day_begin

_YEARS = range(2000, 2200)
_LONGEST_NAME = 100
_DAY_MS = 24 * 3_600_000
_HIGHEST_RATE = 1_000_000
_WHOLE = 100  # per cent
_LAST_SEED = 2**63 - 1


def _title(value: object) -> str:
    text = read_text(value, "spring-2027")
    if not (0 < len(text) <= _LONGEST_NAME and text.isprintable() and text == text.strip()):
        raise fault(f"{text!r} names no trial", f"write up to {_LONGEST_NAME} letters that can be printed")
    return text


def _when(value: object) -> date:
    """Read a date as it is, and a moment in UTC."""
    if not isinstance(value, date):
        raise fault(
            f"{toml(value)} is no date",
            "write it without quotes, as in 2027-04-01 or 2027-04-01T09:00:00+09:00",
        )
    if value.year not in _YEARS:
        raise fault(f"{value.isoformat()} is not of these times", "give the year with four digits")
    if not isinstance(value, datetime):
        return value
    if value.utcoffset() is None:
        shown = value.isoformat()
        raise fault(
            f"{shown} does not say in which zone",
            f"write its offset, as in {shown}+09:00, or the date alone: that is a day of the trial's zone",
        )
    return value.astimezone(UTC)


def _rate(value: object) -> float:
    if isinstance(value, int | float) and value is not True and 0 < value <= _HIGHEST_RATE:
        return float(value)
    raise fault(
        f"{toml(value)} is no rate of complaints",
        f"write how many there are on a day, above 0 and up to {_HIGHEST_RATE:,}, or leave it out",
    )


def _lateness(milliseconds: int) -> int:
    """Take what the hold can tell from more."""
    if milliseconds in LATENESS_EDGES_MS:
        return milliseconds
    edges = [format_ms(edge) for edge in LATENESS_EDGES_MS]
    raise fault(
        f"{format_ms(milliseconds)} is no bound by which the hold measures how late it is",
        f"write one of {', '.join(edges)}",
    )


def _points(value: object) -> float:
    if isinstance(value, int | float) and value is not True and 0 < value < _WHOLE:
        return float(value)
    raise fault(
        f"{toml(value)} is no difference between shares",
        f"write how many percentage points are harmless, above 0 and below {_WHOLE}",
    )


Lateness = Annotated[Duration, AfterValidator(_lateness)]
Points = Annotated[float, PlainValidator(_points)]
Rate = Annotated[float, PlainValidator(_rate)]
When = Annotated[date, PlainValidator(_when), PlainSerializer(date.isoformat)]
Title = Annotated[str, PlainValidator(_title)]


class SpanTable(Table):
    """What has a `from` and a `to`: moments (UTC), or days of the trial's zone, the last one included."""

    begin: When = Field(alias="from", examples=["2027-04-01"])
    end: When = Field(alias="to", examples=["2027-06-30"])

    def span(self, zone: tzinfo) -> Span:
        """Return the span; it may be empty or end before it begins."""
        begin, end = self.begin, self.end
        return Span(
            begin if isinstance(begin, datetime) else day_begin(zone, begin),
            end if isinstance(end, datetime) else day_begin(zone, end + DAY),
        )


class ChangeTable(Table):
    """What of a class's limit is another for a while."""

    mode: Mode | None = None
    cap: Cap | None = None
    delay_ms: Delay | None = Field(None, alias="delay")

    def of(self, limit: Limit) -> Limit:
        """Return the limit with the changes made."""
        return replace(limit, **{key: value for key, value in self if value is not None})


class OnTable(ChangeTable):
    """[trial.switchback] on: what of the limits is another while it is on."""

    mode: Mode = Mode.ENFORCE


class PhaseTable(SpanTable):
    """[[trial.phase]]: a span with limits that somebody chose, by class."""

    classes: dict[str, ChangeTable] = Field({}, alias="class")


class SwitchbackTable(SpanTable):
    """[trial.switchback]: a span of blocks, one of each pair on by lot, the other observed."""

    block_ms: Annotated[Duration, Field(ge=1_000, le=_DAY_MS)] = Field(alias="block", examples=['"6h"'])
    washout_ms: Annotated[Duration, Field(le=_DAY_MS)] = Field(3_600_000, alias="washout")
    seed: Annotated[int, Field(strict=True, ge=0, le=_LAST_SEED)] = Field(examples=["20270401"])
    units: Units = Units.TRIAL
    gates: tuple[Name, ...] = Field((), examples=['["tokyo-1", "osaka-1"]'])
    on: OnTable = OnTable.model_validate({})


class MaintenanceTable(SpanTable):
    """[[trial.maintenance]]: a window in which the trial is suspended and its classes are observed."""


class GuardrailsTable(Table):
    """[trial.guardrails]: what is tolerated before the trial is suspended by itself."""

    complaints_per_day: Rate | None = None
    gate_errors: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 0
    bypass_ms: Annotated[Duration, Field(le=_DAY_MS)] = Field(60_000, alias="bypass")
    delay_p99_ms: Lateness = Field(1_000, alias="delay_p99")
    leases_ms: Annotated[Duration, Field(ge=1_000, le=_DAY_MS)] = Field(900_000, alias="leases")
    difference: HarmOutcome | None = None
    harmless: Points | None = None

    @property
    def guardrails(self) -> Guardrails:
        """Return them as a value; both or neither of `difference` and `harmless` are there."""
        values = dict(self)
        harmless = values.pop("harmless")
        if self.difference is not None:
            values["difference"] = Difference(self.difference, harmless)
        return Guardrails(**values)


class TrialTable(SpanTable):
    """[trial]: when it is, and for which classes."""

    name: Title = Field(examples=['"spring-2027"'])
    zone: Zone = Field(examples=['"Asia/Tokyo"'])
    classes: tuple[Name, ...] = Field(examples=['["dynamic"]'])
    phases: tuple[PhaseTable, ...] = Field((), alias="phase")
    switchback: SwitchbackTable | None = None
    maintenance: tuple[MaintenanceTable, ...] = ()
    outcomes: tuple[Outcome, ...] = USUAL
    guardrails: GuardrailsTable = GuardrailsTable.model_validate({})
    notice: dict[str, NoticeTable] = Field({})  # by language
