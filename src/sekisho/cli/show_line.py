"""Puts answers about lines into words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sekisho.api.line_models import (
    AtDeskValue,
    Found,
    HeldValue,
    HolderAnswer,
    ImportAnswer,
    LeaseValue,
    LineAnswer,
    LinesStatus,
    ReliefAnswer,
    ReliefValue,
    RestrictionValue,
)
from sekisho.api.models import GivenBy
from sekisho.cli.show import limit_text
from sekisho.desk.case_values import Kind

_FOUND = {
    Found.HELD: "held by {line}",
    Found.AMBIGUOUS: "ambiguous, since clocks may differ by {skew:g} s",
    Found.NOBODY: "held by nobody",
    Found.PORT_NEEDED: "lines share this address: give the source port with --port",
    Found.NOT_KEPT: "not known: leases of then are no longer kept",
}
_CLASS_FROM = {"list": "by its list", "pool": "by its pool"}


def holder_text(answer: HolderAnswer) -> str:
    """Tell who held an address."""
    where = answer.address if answer.port is None else f"{answer.address} port {answer.port}"
    found = _FOUND[answer.answer].format(line=answer.line, skew=answer.skew_seconds)
    lines = [f"{where} at {_moment(answer.at)}: {found}"]
    lines += (f"  {one.line}: {_span(one.begin, one.end, one.ending)}" for one in answer.candidates)
    return "\n".join(lines)


def line_text(answer: LineAnswer) -> str:
    """Tell what is known of a line."""
    return "\n".join(_line(answer))


def relief_text(answer: ReliefAnswer) -> str:
    """Tell whether a line is released from its limit."""
    if answer.relief is None:
        return f"{answer.line}: the limit of its class holds again"
    return f"{answer.line}: {_relief(answer.relief)}"


def import_text(answer: ImportAnswer) -> str:
    """Tell what a list has changed, or would."""
    changes = (
        f"{answer.lines_set} new or of another class, {answer.lines_dropped} no longer listed; "
        f"{answer.leases_begun} leases begin, {answer.leases_ended} end"
    )
    told = f"{answer.lines} lines: {changes}" + ("; nothing is imported yet" if answer.dry_run else "")
    return "\n".join([told, *_at_desk(answer.at_desk)])


def _at_desk(lines: Sequence[AtDeskValue]) -> Iterator[str]:
    """Tell, as a table, of which lines something at the desk is changed by a list, and how."""
    if not lines:
        return
    rows = [("line", "by the list", "open at the desk", "what comes of it")]
    rows += [(one.line, one.why, _open(one), _comes(one)) for one in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield "at the desk:"
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _open(one: AtDeskValue) -> str:
    case = () if one.case is None else (f"case {one.case} ({', '.join((one.state or '', *one.measures))})",)
    relief = () if one.relief_until is None else (f"relief until {_moment(one.relief_until)}",)
    letters = (f"{one.letters} letters wait",) if one.letters else ()
    return ", ".join((*case, *relief, *letters))


def _comes(one: AtDeskValue) -> str:
    if one.gone:
        return "all is lifted, nobody told"
    return "it stays" if one.case is None else f"desk confirm {one.case}, or restore"


def lines_text(status: LinesStatus) -> str:
    """Tell how the knowledge of lines stands."""
    if status.store != "ok":
        return f"alarm: {status.store}"
    known = (
        f"lines: {status.lines} known, {status.addresses_held} addresses held, {status.reliefs} with relief"
    )
    told = [known + ("" if status.gate_is_whole else "; not all of it is in the gate yet")]
    told += (
        f"  {who}: {_counts(counted)}" for who, counted in status.counts.items() if any(counted.values())
    )
    return "\n".join(told)


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counted.items() if count)


def _line(answer: LineAnswer) -> Iterator[str]:
    yield f"line {answer.line}: {'fixed' if answer.fixed else 'not fixed'}"
    if answer.class_name is None or answer.limit is None:
        yield "  class: none, since it holds no address of a pool and no list names it"
    else:
        yield f"  class: {answer.class_name}, {_CLASS_FROM[answer.class_from or '']}"
        yield f"  limit: {limit_text(answer.limit)}, {_why(answer)}"
    yield from (f"  suspended: {_measure(one)}" for one in answer.measures if one.kind == Kind.LINE)
    if answer.met_cap_at is None:
        yield "  its cap: not met in the last day, as far as the gate remembers"
    else:
        yield f"  its cap: met last at {_moment(answer.met_cap_at.replace(microsecond=0))}"
    yield "  holds: " + (", ".join(map(_held, answer.holds)) or "nothing")
    yield f"  leases since {_moment(answer.leases_since)}:" + ("" if answer.leases else " none")
    yield from (f"    {_held(lease)}: {_lease(lease)}" for lease in answer.leases)


def _why(answer: LineAnswer) -> str:
    """Tell why a line has its limit: what a case has done goes before a relief, and that before its class."""
    of_gate = [one for one in answer.measures if one.kind != Kind.LINE]
    if of_gate:
        return ", ".join(map(_measure, of_gate))
    return _given_by(answer) if answer.relief is None else _relief(answer.relief)


def _measure(one: RestrictionValue) -> str:
    return f"by case {one.case}, {one.kind} since {_moment(one.since)} until {_moment(one.until)}"


def _given_by(answer: LineAnswer) -> str:
    """Tell why a line has the limit of its class."""
    match answer.class_limit_given_by:
        case GivenBy.TRIAL:
            return "by its class, as the trial has it now"
        case GivenBy.OPERATOR:
            return "by its class, as `gate set` has it now"
        case _:
            return "by its class"


def _relief(relief: ReliefValue) -> str:
    return (
        f"released from its limit until {_moment(relief.until)}, "
        f"by {relief.by} since {_moment(relief.since)}: {relief.reason}"
    )


def _held(held: HeldValue) -> str:
    return held.address if held.ports is None else f"{held.address} ports {','.join(held.ports)}"


def _lease(lease: LeaseValue) -> str:
    return _span(lease.begin, lease.end, lease.ending)


def _span(begin: datetime, end: datetime | None, ending: str | None) -> str:
    until = "now, and goes on" if end is None else f"{_moment(end)} ({ending})"
    return f"from {_moment(begin)} to {until}"


def _moment(moment: datetime) -> str:
    """Write a moment in UTC, to the second where it is a whole one."""
    return (
        f"{moment:%Y-%m-%d %H:%M:%S}" + (f".{moment:%f}".rstrip("0") if moment.microsecond else "") + " UTC"
    )
