"""Puts what is known of lines, lists and the audit log into the values of the interface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

from sekisho.api.line_models import (
    AtDeskValue,
    AuditRecordValue,
    AuditVerification,
    CandidateValue,
    Found,
    HolderAnswer,
    HolderQuestion,
    ImportAnswer,
    ReliefValue,
    RestrictionValue,
)
from sekisho.audit import Record, Verdict
from sekisho.daemon.desk_lists import AtDesk
from sekisho.desk.actions import Action
from sekisho.lines.events import Lease
from sekisho.lines.holder import Answer, Close
from sekisho.lines.list_change import ListChange
from sekisho.lines.records import Relief
from sekisho.lines.static import StaticList


def holder_answer(
    question: HolderQuestion, found: Answer | None, names: Mapping[int, str], skew: timedelta, *, kept: bool
) -> HolderAnswer:
    """Show who held an address; `names` of the candidates' lines; `kept`: leases of then are still kept."""
    result = Found.PORT_NEEDED if found is None else Found(found.certainty)
    candidates = () if found is None else found.candidates
    return HolderAnswer(
        address=str(question.address),
        port=question.port,
        at=question.at,
        answer=Found.NOT_KEPT if result is Found.NOBODY and not kept else result,
        line=names[candidates[0].line] if result is Found.HELD else None,
        candidates=tuple(
            CandidateValue(line=names[one.line], begin=one.begin, end=one.end, ending=one.ending)
            for one in candidates
        ),
        skew_seconds=skew.total_seconds(),
    )


def relief_value(relief: Relief) -> ReliefValue:
    """Show a relief."""
    return ReliefValue(until=relief.until, reason=relief.reason, since=relief.since, by=relief.by)


def restriction_value(asked: Action) -> RestrictionValue:
    """Show what a case has done to a line."""
    return RestrictionValue(
        case=asked.case, kind=asked.kind, since=asked.since or asked.asked_for, until=asked.until
    )


def ending_of(lease: Lease) -> str | None:
    """Tell why a lease ended; None while it goes on."""
    return None if lease.end is None else lease.ending or Close.SUPERSEDED


def import_answer(
    lines: StaticList,
    change: ListChange,
    at_desk: Iterable[AtDesk],
    warnings: Sequence[str],
    *,
    dry_run: bool,
) -> ImportAnswer:
    """Count what a list changes, and name the lines of which something at the desk is changed by it."""
    dropped = sum(line is None for line in change.lines.values())
    return ImportAnswer(
        dry_run=dry_run,
        lines=len(lines.lines),
        lines_set=len(change.lines) - dropped,
        lines_dropped=dropped,
        leases_begun=len(change.begun),
        leases_ended=len(change.ended),
        at_desk=tuple(map(_at_desk, at_desk)),
        warnings=tuple(warnings),
    )


def import_outcome(change: ListChange, at_desk: Sequence[AtDesk], *, dry_run: bool) -> str:
    """Say in the audit log what a list changes."""
    done = "tried only: " if dry_run else ""
    desk = f", {len(at_desk)} at the desk" if at_desk else ""
    return f"{done}{len(change.lines)} lines, {len(change.begun)} leases begin, {len(change.ended)} end{desk}"


def _at_desk(one: AtDesk) -> AtDeskValue:
    case, relief = one.case, one.relief
    return AtDeskValue(
        line=one.name,
        gone=one.became.is_gone,
        why=one.became,
        case=None if case is None else case.number,
        state=None if case is None else case.state,
        measures=() if case is None else tuple(measure.kind for measure in case.measures),
        relief_until=None if relief is None else relief.until,
        letters=one.letters,
    )


def audit_record(record: Record) -> AuditRecordValue:
    """Show a record of the audit log."""
    return AuditRecordValue(number=record.number, **asdict(record.entry), hash=record.hash.hex())


def audit_verification(verdict: Verdict) -> AuditVerification:
    """Show how the audit log stands."""
    return AuditVerification(
        sound=verdict.sound,
        records=verdict.records,
        first_broken=verdict.first_broken,
        head=None if verdict.head is None else verdict.head.hex(),
        head_found=verdict.head_found,
        forgotten=verdict.forgotten,
        forgotten_at=verdict.forgotten_at,
    )
