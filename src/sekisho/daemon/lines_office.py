"""What the daemon answers about lines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

import structlog

from sekisho.api.asker import Peer
from sekisho.api.line_models import (
    Action,
    AuditLog,
    AuditVerification,
    EventsAnswer,
    HolderAnswer,
    HolderQuestion,
    ImportAnswer,
    KeaCall,
    LineAnswer,
    LineQuestion,
    LinesStatus,
    ReliefAnswer,
    ReliefEndRequest,
    ReliefRequest,
)
from sekisho.api.models import GivenBy
from sekisho.api.problems import RefusalError
from sekisho.audit import Entry, verify
from sekisho.config import Config, errors
from sekisho.daemon.desk_lists import AtDesk, lines_at_desk
from sekisho.daemon.lookups import describe_line, find_holder
from sekisho.daemon.recording import Act, Recorder, store_answers
from sekisho.daemon.showing import (
    audit_record,
    audit_verification,
    holder_answer,
    import_answer,
    import_outcome,
    relief_value,
)
from sekisho.lines.list_change import ListChange
from sekisho.lines.records import ListedLine, Relief
from sekisho.lines.roster import Treatment
from sekisho.lines.static import StaticList
from sekisho.lines.static_list import ListKind, read_list
from sekisho.model import Limit
from sekisho.store import Store, StoreError, Transaction

LEASES_SHOWN = timedelta(days=30)  # of a line, unless more is asked for
LONGEST_RELIEF = timedelta(days=366)
MOST_RECORDS = 1_000  # of the audit log in one answer

log = structlog.get_logger()


class PutList(Protocol):
    """Puts a list in place of the one imported before, by the difference; raises StoreError."""

    def __call__(
        self,
        lines: StaticList,
        record: Callable[[Transaction, ListChange], object],
        *,
        config: Config,
        dry_run: bool,
    ) -> ListChange:
        """Begin in one transaction with what `record` writes; change nothing of lines where `dry_run`.

        `config`: by which the list was read. Raises RefusalError where another is in force now.
        """


Relieved = Callable[[Transaction, ListedLine, datetime, datetime], object]
"""Writes, in the transaction of a relief, what the customer is told: of a line, until when, and now."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the office knows beside its store; all is asked anew each time.

    `settle` returns when all that was acknowledged before is in the leases, or raises StoreError.
    `limits`: of the classes, as they are in force, and what has given them.
    `kept_since`: from when on all leases are kept. `counts`: what sources and intake have counted.
    `met_cap`: when a line last met its cap, in the last day.
    `on_change` is told of lines whose relief has changed; if it raises StoreError it will see it by itself.
    `take_calls` takes calls of Kea's hook, or raises StoreError; None where there is no [kea].
    `relieved` writes the notice of a relief.
    """

    utc: Callable[[], datetime]
    config: Callable[[], Config]
    treatment: Callable[[], Treatment]
    limits: Callable[[], Mapping[str, tuple[Limit, GivenBy]]]
    skew: Callable[[], timedelta]
    settle: Callable[[], object]
    kept_since: Callable[[], datetime]
    gate_is_whole: Callable[[], bool]
    counts: Callable[[], Mapping[str, Mapping[str, int]]]
    put_list: PutList
    met_cap: Callable[[int], datetime | None]
    on_change: Callable[[Collection[int]], object]
    take_calls: Callable[[Sequence[KeaCall]], EventsAnswer] | None = None
    relieved: Relieved = lambda *_: None


class KeptLines:
    """The office of a daemon that keeps lines, as `api.lines.LinesOffice` wants it."""

    def __init__(self, store: Store, around: Surroundings) -> None:
        self._store, self._around = store, around
        self._recorder = Recorder(store, around.utc)

    def holder(self, question: HolderQuestion, peer: Peer) -> HolderAnswer:
        """Tell who held an address at a moment."""
        at, skew = question.at, self._around.skew()

        def look_up(transaction: Transaction, entry: Entry) -> tuple[HolderAnswer, str]:
            if at > entry.at + skew:
                raise _refused("at", f"{at.isoformat()} is still to come", "ask for a moment that has been")
            found = find_holder(transaction, question.address.packed, question.port, at, skew)
            names = transaction.line_names({one.line for one in found.candidates} if found else ())
            answer = holder_answer(question, found, names, skew, kept=at >= self._around.kept_since())
            return answer, answer.answer

        port = "" if question.port is None else f" port {question.port}"
        subject = f"{question.address}{port} at {at.isoformat()}"
        act = Act.asking(Action.HOLDER, subject, question)
        return self._recorder.carry_out(act, peer, look_up, first=self._around.settle)

    def line(self, question: LineQuestion, peer: Peer) -> LineAnswer:
        """Tell what is known of a line."""

        def describe(transaction: Transaction, entry: Entry) -> tuple[LineAnswer, str]:
            line = _known(transaction, question.line)
            since = question.since or entry.at - LEASES_SHOWN
            treatment = self._around.treatment()
            limits = self._around.limits()
            answer = describe_line(transaction, line, treatment, limits, since=since, now=entry.at)
            return answer.model_copy(update={"met_cap_at": self._around.met_cap(line.number)}), "shown"

        act = Act.asking(Action.SHOW, question.line, question)
        return self._recorder.carry_out(act, peer, describe, first=self._around.settle)

    def relieve(self, request: ReliefRequest, peer: Peer) -> ReliefAnswer:
        """Release a line from its limit until an end."""

        def release(transaction: Transaction, entry: Entry) -> tuple[tuple[ListedLine, Relief], str]:
            line = _known(transaction, request.line)
            _judge_end(request.until, entry.at)
            _refuse_restricted(transaction, line)
            relief = Relief(line.number, entry.at, request.until, entry.user, request.reason)
            transaction.add_relief(relief)
            self._around.relieved(transaction, line, request.until, entry.at)
            return (line, relief), f"until {request.until.isoformat()}"

        act = Act(Action.RELIEF, request.line, reference=request.reason)
        line, relief = self._recorder.carry_out(act, peer, release)
        self._tell_changed(line, peer)
        return ReliefAnswer(line=line.name, relief=relief_value(relief))

    def end_relief(self, request: ReliefEndRequest, peer: Peer) -> ReliefAnswer:
        """Put a line's limit in force again."""

        def end(transaction: Transaction, entry: Entry) -> tuple[ListedLine, str]:
            line = _known(transaction, request.line)
            if not transaction.end_relief(line.number, entry.at, entry.user):
                detail = f"{line.name!r} is not released: the limit of its class holds already"
                raise RefusalError(409, "no-relief", "There is no relief to end", detail)
            return line, "ended"

        act = Act(Action.RELIEF_END, request.line, reference=request.reason)
        line = self._recorder.carry_out(act, peer, end)
        self._tell_changed(line, peer)
        return ReliefAnswer(line=line.name, relief=None)

    def import_list(self, content: bytes, kind: ListKind, *, dry_run: bool, peer: Peer) -> ImportAnswer:
        """Put a static list in place of the one imported before, or tell what that would change."""
        with self._recorder.attempt(Act(Action.IMPORT, f"a list in {kind}"), peer) as entry:
            config = self._around.config()
            if config.static_list is not None and not dry_run:
                detail = f"[lines] names {config.static_list.file}: change that file, and reload"
                raise RefusalError(409, "list-in-file", "The list is a file's", detail)
            checked = read_list(content, kind, config)
            problems = tuple(problem.sentence("").removeprefix(":") for problem in checked.problems)
            if checked.lines is None:
                detail = f"nothing is imported: {len(errors(checked.problems))} errors are in the list"
                raise RefusalError(422, "refused-list", "The list has errors", detail, problems)
            at_desk: list[AtDesk] = []

            def record(transaction: Transaction, found: ListChange) -> None:
                at_desk.extend(lines_at_desk(transaction, found, StaticList(), entry.at))
                for one in at_desk:  # of each is told that there is something, as when it is looked up
                    transaction.record(replace(entry, subject=one.name, outcome=f"named: {one.became}"))
                transaction.record(replace(entry, outcome=import_outcome(found, at_desk, dry_run=dry_run)))

            change = self._around.put_list(checked.lines, record, config=config, dry_run=dry_run)
        log.info("list read", dry_run=dry_run, by_uid=peer.uid, by_pid=peer.pid)
        return import_answer(checked.lines, change, at_desk, problems, dry_run=dry_run)

    def take_events(self, calls: Sequence[KeaCall]) -> EventsAnswer:
        """Make durable what Kea's hook tells of leases."""
        if self._around.take_calls is None:
            detail = "this daemon listens to no Kea: add [kea] to the configuration and start it anew"
            raise RefusalError(409, "no-kea", "This daemon listens to no Kea", detail)
        with store_answers():
            return self._around.take_calls(calls)

    def status(self) -> LinesStatus:
        """Tell how the knowledge of lines stands."""
        whole, counts = self._around.gate_is_whole(), self._around.counts()
        try:
            with self._store.reading() as transaction:
                totals = transaction.totals(self._around.utc())
        except StoreError as error:
            return LinesStatus(store=str(error), gate_is_whole=whole, counts=counts)
        return LinesStatus(store="ok", **totals._asdict(), gate_is_whole=whole, counts=counts)

    def audit_log(self, since: datetime | None, after: int, peer: Peer) -> AuditLog:
        """Read the audit log, which is recorded as well."""

        def read(transaction: Transaction, _: Entry) -> tuple[AuditLog, str]:
            records = list(islice(transaction.records(after, since), MOST_RECORDS + 1))
            shown = tuple(audit_record(record) for record in records[:MOST_RECORDS])
            return AuditLog(records=shown, more=len(records) > MOST_RECORDS), f"{len(shown)} records"

        subject = f"records after {after}" + ("" if since is None else f" since {since.isoformat()}")
        return self._recorder.carry_out(Act(Action.AUDIT_LOG, subject), peer, read)

    def verify_audit(self, head: bytes | None) -> AuditVerification:
        """Walk the chain of the audit log."""
        with store_answers(), self._store.reading() as transaction:
            verdict = verify(transaction.records(), head)
        return audit_verification(verdict)

    def record_refusal(self, action: Action, asked: object, why: str, peer: Peer) -> None:
        """Record a question that could not be read."""
        self._recorder.refuse(Act.tried(action, asked), peer, why)

    def _tell_changed(self, line: ListedLine, peer: Peer) -> None:
        log.info("a relief has changed", by_uid=peer.uid, by_pid=peer.pid)
        try:
            self._around.on_change({line.number})
        except StoreError as error:
            log.error("the gate learns of a relief when the store is back", why=str(error))  # noqa: TRY400 - the message says it all


def _known(transaction: Transaction, name: str) -> ListedLine:
    """Return a line by its name, or refuse."""
    number = transaction.line_number(name)
    line = None if number is None else transaction.listed_line(number)
    if line is None:
        detail = f"nothing was ever heard of a line {name!r}: look at how its name is written"
        raise RefusalError(404, "unknown-line", "There is no such line", detail)
    return line


def _refuse_restricted(transaction: Transaction, line: ListedLine) -> None:
    """Refuse a relief that would change nothing, and whose notice would be wrong: a case goes before it."""
    case = transaction.last_case(line.number)
    if case is None or not case.measures:
        return
    kinds = " and ".join(measure.kind for measure in case.measures)
    detail = (
        f"case {case.number} has {line.name!r} under {kinds}, which go before any relief: "
        f"`sekisho desk restore {case.number} --reason …` undoes them"
    )
    raise RefusalError(409, "restricted", "The line is restricted by the desk", detail)


def _judge_end(until: datetime, now: datetime) -> None:
    """Refuse an end that nobody will look at."""
    if until <= now:
        raise _refused("until", f"{until.isoformat()} is past", "name a day from today on")
    if until > now + LONGEST_RELIEF:
        raise _refused(
            "until",
            f"{until.isoformat()} is more than a year from now",
            "name an end within a year: somebody has to look at it again",
        )


def _refused(key: str, what: str, way_out: str) -> RefusalError:
    return RefusalError(422, "invalid", "The request has a value that cannot be", f"{key}: {what}: {way_out}")
