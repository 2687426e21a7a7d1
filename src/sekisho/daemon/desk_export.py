"""What an evidence hold hands out: the bundle of a case, signed, and in the audit log before it leaves.

what is known of the case ─► members, their sums, signed ─► audit log ─► out, one original at a time
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from typing import Any, Final

from pydantic import BaseModel

from sekisho.api.asker import Peer
from sekisho.api.desk_models import ActionValue, CaseValue, EventValue, ExportRequest, IncidentValue
from sekisho.api.line_models import Action
from sekisho.api.problems import RefusalError
from sekisho.audit import Entry
from sekisho.bundle import SIGNATURE, SUMS, archive, write_sums
from sekisho.daemon.desk_originals import opened_original
from sekisho.daemon.desk_showing import known_case, report_answer
from sekisho.daemon.lookups import lease_values
from sekisho.daemon.recording import Act, Recorder
from sekisho.daemon.showing import audit_record
from sekisho.desk.attribute import Found
from sekisho.desk.case_values import Case, State
from sekisho.desk.records import KeptIncident
from sekisho.sealing import Sealer
from sekisho.signing import Signer
from sekisho.store import Store, StoreError, Transaction

FORMAT: Final = "sekisho-evidence-1"
_JSON_BEGINS: Final = b"{"
_NO_LINES: Final = frozenset({Found.NOT_OURS, Found.OWN_SERVER})
"""What an incident is found to be that speaks of none of our lines."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens originals, and what signs, by the key files of now. Raise StoreError, and RefusalError."""

    sealer: Callable[[], Sealer]
    signer: Callable[[], Signer]


@dataclass(frozen=True, slots=True)
class _Original:
    """The original of a report; `digest`: its SHA-256; `member`: None: it tells of others, and stays."""

    report: int
    member: str | None
    digest: bytes


class Exporter:
    """Hands out bundles of cases that are in evidence hold; `gate`: the name of this one."""

    def __init__(self, store: Store, keys: Keys, recorder: Recorder, gate: str) -> None:
        self._store, self._keys, self._recorder, self._gate = store, keys, recorder, gate

    def export(self, number: int, request: ExportRequest, peer: Peer) -> Iterator[bytes]:
        """Return the bytes of a case's bundle, when it is recorded that they leave. Raises RefusalError."""
        act = Act(Action.DESK_EXPORT, f"case {number}", request.purpose, request.reason)
        with self._recorder.attempt(act, peer) as entry:
            signer = self._keys.signer()
            with self._store.reading() as transaction:
                case = _held(transaction, number)
                reports = transaction.case_reports(case.number, case.line)
            kept = [one for report in reports if (one := self._original(report, case.line)) is not None]
            originals = {one.member: one for one in kept if one.member is not None}
            with self._store.reading() as transaction:
                members = self._members(transaction, case, reports, kept, entry, signer)
            digests = {name: sha256(content).digest() for name, content in members.items()}
            sums = write_sums(digests | {name: one.digest for name, one in originals.items()})
            with self._store.transaction() as transaction:
                if _held(transaction, number) != case:
                    detail = f"case {number} was changed meanwhile: export it again"
                    raise RefusalError(409, "changed", "Nothing is exported", detail)
                outcome = f"exported, {len(originals)} originals; {SUMS} has {sha256(sums).hexdigest()}"
                transaction.record(replace(entry, outcome=outcome))
        return archive(self._in_order(members | {SUMS: sums, SIGNATURE: signer.sign(sums)}, originals))

    def _original(self, report: int, line: int) -> _Original | None:
        """See that an original can be opened; None: none is kept."""
        content = self._opened(report)
        if content is None:
            return None
        with self._store.reading() as transaction:
            tells_of_others = any(_may_be_anothers(one, line) for one in transaction.incidents_of(report))
        kind = "json" if content.lstrip().startswith(_JSON_BEGINS) else "eml"
        member = None if tells_of_others else f"reports/{report:08}.{kind}"
        return _Original(report, member, sha256(content).digest())

    def _opened(self, report: int) -> bytes | None:
        with self._store.reading() as transaction:
            kept = transaction.report(report)
        return opened_original(report, kept, self._keys.sealer(), "Nothing is exported")

    def _members(
        self,
        transaction: Transaction,
        case: Case,
        reports: Sequence[int],
        kept: Sequence[_Original],
        entry: Entry,
        signer: Signer,
    ) -> dict[str, bytes]:
        """Return what is known of a case, as JSON, by the names of members."""
        original_of = {one.report: one for one in kept}
        told = [_report(transaction, number, case.line, original_of.get(number)) for number in reports]
        moments = [one.moment for number in reports for one in _incidents(transaction, number, case.line)]
        since = min((moment for moment in moments if moment is not None), default=case.opened)
        about = {
            "format": FORMAT,
            "program": version("sekisho"),
            "gate": self._gate,
            "key_sha256": signer.fingerprint,
            "exported": {name: getattr(entry, name) for name in ("user", "uid", "purpose", "reference")},
            "at": entry.at.isoformat(),
            "line": transaction.line_names([case.line]).get(case.line, ""),
            "leases_since": since.isoformat(),
            "case": CaseValue.model_validate(case),
        }
        events = map(EventValue.model_validate, transaction.case_events(case.number))
        actions = map(ActionValue.model_validate, transaction.case_actions(case.number))
        return {
            "actions.json": _json([*actions]),
            "audit.json": _json([audit_record(one) for one in transaction.records_of_case(case.number)]),
            "case.json": _json(about),
            "events.json": _json([*events]),
            "leases.json": _json([*lease_values(transaction, case.line, since)]),
            "reports.json": _json(told),
        }

    def _in_order(
        self, members: Mapping[str, bytes], originals: Mapping[str, _Original]
    ) -> Iterator[tuple[str, bytes]]:
        """Yield all members in the order of their names, originals one at a time: there may be many."""
        for name in sorted(members.keys() | originals.keys()):
            content = members[name] if name in members else self._opened(originals[name].report)
            if content is None:
                raise StoreError(f"{name} was forgotten while it was exported: the hold has ended")
            yield name, content


def _held(transaction: Transaction, number: int) -> Case:
    case = known_case(transaction, number)
    if case.state not in (State.HELD, State.KEPT):
        detail = (
            f"case {number} is {case.state}, and only what an evidence hold keeps is exported: "
            f"`sekisho desk hold {number} --reason …` begins one"
        )
        raise RefusalError(409, "not-held", "Nothing is exported", detail)
    return case


def _incidents(transaction: Transaction, report: int, line: int) -> Iterator[KeptIncident]:
    """Yield what a report says of one line, and of no other."""
    return (one for one in transaction.incidents_of(report) if one.line == line)


def _may_be_anothers(incident: KeptIncident, line: int) -> bool:
    """Tell whether an incident speaks of another line, or may: whoever gets the bundle may not know of it."""
    return incident.line != line and incident.found not in _NO_LINES


def _report(transaction: Transaction, number: int, line: int, kept: _Original | None) -> dict[str, Any]:
    shown = report_answer(transaction, number).model_dump(mode="json")
    mine = map(IncidentValue.model_validate, _incidents(transaction, number, line))
    original = {
        "original": None if kept is None else kept.member,
        "original_sha256": None if kept is None else kept.digest.hex(),
    }
    return {**shown, "incidents": [*mine], **original}


def _json(value: object) -> bytes:
    def shown(one: object) -> Any:
        if isinstance(one, BaseModel):
            return one.model_dump(mode="json")
        raise TypeError(f"{type(one).__name__} is no value of the interface")

    return (json.dumps(value, default=shown, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
