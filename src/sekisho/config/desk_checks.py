"""What must hold between the values of [desk]."""

from __future__ import annotations

from collections.abc import Iterator

from sekisho.config.desk import DeskClassTable, DeskTable
from sekisho.config.desk_draft import CLASSES, DESK, INTAKE, NASES, NOTICES, DeskDraft
from sekisho.config.desk_intake import check_intake
from sekisho.config.desk_nas_checks import check_nases, check_whole_lines
from sekisho.config.desk_notices import check_notices
from sekisho.config.draft import Draft
from sekisho.config.problems import Finding, Path, Severity, twice
from sekisho.config.rules import cap_beyond, delay_worry
from sekisho.desk.case_values import SUSPENSIONS, Kind
from sekisho.desk.policy import FEWEST_FOR_PROPOSAL, Policy
from sekisho.durations import format_ms


def check_desk(draft: Draft) -> Iterator[Finding]:
    """Tell what is wrong between the values of [desk] and those of the gate."""
    if draft.desk is None:
        return
    if draft.desk.table is not None:
        yield from _desk(draft.desk.table)
        yield from _identity(draft.desk.table)
        yield from _mail(draft)
    if draft.desk.intake is not None:
        yield from check_intake(draft.desk.intake, INTAKE)
    yield from check_notices(NOTICES, draft.desk.notices, is_told=_has_told(draft, NOTICES))
    yield from check_nases(NASES, draft.desk.nases)
    for name, table in draft.desk.classes.items():
        path: Path = (*CLASSES, name)
        yield from _kind(path, table)
        yield from _steps(path, table)
        yield from _limits(draft, path, table)
        if table.suspension is Kind.LINE and not _has_told(draft, NASES):
            yield from check_whole_lines(path, name, draft.desk.nases.values(), draft.pools.values())
        if draft.desk.table is not None:
            yield from _kept(draft.desk.table, path, table)


def desk_delays_ms(desk: DeskDraft | None) -> set[int]:
    """Return the delays of lines that the desk limits on their own, the usual one among them."""
    if desk is None:
        return set()
    return {Policy().own_limit.delay_ms, *(table.delay_ms for table in desk.classes.values())}


def _has_told(draft: Draft, table: Path) -> bool:
    """Tell whether something is wrong already in what stands in a table."""
    return any(path[: len(table)] == table for path in draft.told)


def _desk(table: DeskTable) -> Iterator[Finding]:
    path = (*DESK, "grave")
    yield from twice(((*path, index), kind, f'"{kind}"') for index, kind in enumerate(table.grave))
    for index, kind in enumerate(table.grave):
        if kind not in SUSPENSIONS:
            what = f'"{kind}" is no suspension, and one person decides on it'
            yield Finding((*path, index), what, 'write "line-suspension", "port-25-suspension" or both')
    if table.cases_ms < table.reports_ms:
        cases, reports = format_ms(table.cases_ms), format_ms(table.reports_ms)
        what = f"cases would be forgotten after {cases}, before their reports are ({reports})"
        yield Finding((*DESK, "cases"), what, "write a longer time, or a shorter one for `reports`")


def _identity(table: DeskTable) -> Iterator[Finding]:
    if not table.authserv_ids:
        what = (
            "no mail server is named that tells whose a report is: none that comes by mail leads to anything"
        )
        way_out = (
            'name yours that write Authentication-Results (docs/desk.md): authserv_ids = ["mx.example.net"]'
        )
        yield Finding((*DESK, "authserv_ids"), what, way_out, Severity.WARNING)
    if not table.trusted and (table.intake is None or table.intake.tokens_file is None):
        what = "no reporter is trusted: reports lead to stop requests, and nothing further without a person"
        way_out = 'name your feedback loops (docs/desk.md): trusted = ["fbl.example.net"]'
        yield Finding((*DESK, "trusted"), what, way_out, Severity.WARNING)


def _mail(draft: Draft) -> Iterator[Finding]:
    if draft.alerts is None or draft.alerts.mail is None:
        what = "there is no mail server that would take the notices to customers"
        yield Finding((*DESK, "from"), what, "add [alerts.mail] with its server")


def _kind(path: Path, table: DeskClassTable) -> Iterator[Finding]:
    if table.suspension not in SUSPENSIONS:
        kinds = " or ".join(f'"{kind}"' for kind in sorted(SUSPENSIONS))
        yield Finding((*path, "suspension"), f'"{table.suspension}" is no suspension', f"write {kinds}")


def _steps(path: Path, table: DeskClassTable) -> Iterator[Finding]:
    proposal = table.proposal
    if proposal is None:
        return
    where = (*path, "proposal")
    if proposal.reporters < FEWEST_FOR_PROPOSAL:
        what = "one party alone could have anybody's suspension proposed"
        yield Finding((*where, "reporters"), what, f"write {FEWEST_FOR_PROPOSAL} or more")
    if table.stop_request is None and table.limit is None:
        what = "it needs a stop request before, and nothing leads to one"
        yield Finding(where, what, 'write it as "never" too, or a `stop_request`')


def _limits(draft: Draft, path: Path, table: DeskClassTable) -> Iterator[Finding]:
    if draft.gate is not None and (wrong := cap_beyond(table.cap, draft.gate.slots)) is not None:
        yield Finding((*path, "cap"), *wrong)
    if (worry := delay_worry(table.delay_ms)) is not None:
        yield Finding((*path, "delay"), *worry, Severity.WARNING)


def _kept(desk: DeskTable, path: Path, table: DeskClassTable) -> Iterator[Finding]:
    """Tell which steps count reports that are forgotten by then."""
    steps = {"stop_request": table.stop_request, "limit": table.limit, "proposal": table.proposal}
    for key, step in steps.items():
        if step is not None and step.within.total_seconds() * 1_000 > desk.reports_ms:
            what = f"reports are forgotten after {format_ms(desk.reports_ms)}, before this time is over"
            yield Finding((*path, key, "within"), what, "write a shorter time, or a longer one for `reports`")
