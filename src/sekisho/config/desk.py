"""How [desk] is written: what leads to what for each class, who has to say so, and what is kept how long."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from sekisho.config.alerts import MailAddress, read_address
from sekisho.config.desk_intake import DeskIntakeTable, Place
from sekisho.config.desk_nas import NasTable
from sekisho.config.desk_notices import NoticesTable
from sekisho.config.table import Table
from sekisho.config.values import Cap, Delay, Duration, NetworkField, fault
from sekisho.desk.case_values import Kind
from sekisho.desk.policy import Policy, Step
from sekisho.desk.trust import is_lent
from sekisho.model import Excess, Limit, Mode

_DAY_MS = 24 * 3_600_000
_LONGEST_MS = 366 * _DAY_MS
_MOST_REPORTERS = 1_000
_MOST_INCIDENTS = 1_000_000
_HIGHEST_RATE = 100_000
_BUILT_IN = Policy()
_HOST = re.compile(r"[a-z0-9][a-z0-9._-]{0,252}")


def _host(written: str, what: str, way_out: str) -> str:
    name = written.lower()
    if not _HOST.fullmatch(name):
        raise fault(f'"{written}" is no {what}', way_out)
    return name


def _authserv_id(written: str) -> str:
    where = "what stands first in the Authentication-Results of your mail server"
    return _host(written, "authserv-id", f'write {where}: "mx.example.net"')


def _trusted(written: str) -> str:
    way_out = 'write a domain or an address, as in "reports.example.net" or "fbl@example.net"'
    if "@" in written:
        return read_address(written).lower()
    name = _host(written, "domain", way_out)
    if is_lent(name):
        raise fault(f'anybody can have a name beneath "{written}", and would be trusted', way_out)
    return name


AuthservId = Annotated[str, AfterValidator(_authserv_id)]
Trusted = Annotated[str, AfterValidator(_trusted)]
Days = Annotated[Duration, Field(ge=3_600_000, le=_LONGEST_MS)]
Kept = Annotated[Duration, Field(ge=_DAY_MS)]
FileName = Annotated[str, Field(strict=True, min_length=1)]


class StepTable(Table):
    """[desk.class.NAME] stop_request, limit, proposal: how many parties, or incidents, or both lead to it."""

    reporters: Annotated[int, Field(strict=True, ge=1, le=_MOST_REPORTERS)] | None = None
    incidents: Annotated[int, Field(strict=True, ge=1, le=_MOST_INCIDENTS)] | None = None
    within_ms: Days = Field(alias="within", examples=['"7d"'])

    @property
    def step(self) -> Step:
        """Return the step as a value; each party brings one incident at least, and one party there is."""
        reporters = self.reporters or 1
        incidents = max(reporters, self.incidents or 1)
        return Step(reporters, incidents, timedelta(milliseconds=self.within_ms))


class DeskClassTable(Table):
    """[desk.class.NAME]: what the desk does about the lines of a class."""

    grace_ms: Annotated[Duration, Field(le=_LONGEST_MS)] = Field(_DAY_MS, alias="grace")
    stopped_ms: Days = Field(14 * _DAY_MS, alias="stopped")
    cap: Cap = _BUILT_IN.own_limit.cap
    delay_ms: Delay = Field(_BUILT_IN.own_limit.delay_ms, alias="delay")
    excess: Excess = _BUILT_IN.own_limit.excess
    limited_ms: Days = Field(30 * _DAY_MS, alias="limited")
    suspension: Kind = _BUILT_IN.suspension
    suspended_ms: Days = Field(30 * _DAY_MS, alias="suspended")
    stop_request: Step | None = _BUILT_IN.stop_request
    limit: Step | None = _BUILT_IN.limit
    proposal: Step | None = _BUILT_IN.proposal

    def policy(self, grave: frozenset[Kind], able: frozenset[Kind]) -> Policy:
        """Return it as a value."""
        return Policy(
            stop_request=self.stop_request,
            limit=self.limit,
            proposal=self.proposal,
            grace=timedelta(milliseconds=self.grace_ms),
            quiet=timedelta(milliseconds=self.stopped_ms),
            own_limit=Limit(Mode.ENFORCE, self.cap, self.delay_ms, self.excess),
            limited=timedelta(milliseconds=self.limited_ms),
            suspension=self.suspension,
            suspended=timedelta(milliseconds=self.suspended_ms),
            grave=grave,
            able=able,
        )


class DeskTable(Table):
    """[desk]: reports are taken in, and what is done about them.

    `key_file`: seals originals; `evidence_key_file`: signs what an evidence hold hands out; `authserv_ids`:
    of our mail servers that tell whose a mail is (RFC 8601); `trusted`: domains and addresses of reporters
    whose reports count for all steps; both in lower case. `rate`: how many reports of one of them count in an
    hour, and of all others' a tenth; `grave`: what needs two persons; `skew`: by how much reporters' clocks
    may differ from ours; `receivers`: mail servers of others that are trusted to write into a chain what they
    have seen; `reports`, `cases`: how long these are kept.
    """

    key_file: FileName = Field(examples=['"secrets/desk"'])
    evidence_key_file: FileName | None = Field(None, examples=['"secrets/evidence"'])
    sender: MailAddress = Field(alias="from", examples=['"abuse@example.net"'])
    authserv_ids: tuple[AuthservId, ...] = ()
    trusted: tuple[Trusted, ...] = ()
    grave: tuple[Kind, ...] = (Kind.LINE,)
    rate: Annotated[int, Field(strict=True, ge=1, le=_HIGHEST_RATE)] = 100
    skew_ms: Annotated[Duration, Field(le=3_600_000)] = Field(120_000, alias="skew")
    receivers: tuple[NetworkField, ...] = ()
    reports_ms: Kept = Field(183 * _DAY_MS, alias="reports")
    cases_ms: Kept = Field(1_095 * _DAY_MS, alias="cases")
    classes: dict[str, DeskClassTable] = Field({}, alias="class")
    notices: NoticesTable | None = None
    nases: tuple[NasTable, ...] = Field((), alias="nas")
    intake: DeskIntakeTable | None = None

    @property
    def places(self) -> tuple[Place | None, ...]:
        """Return where reports come in by mail: by LMTP, by SMTP."""
        return () if self.intake is None else (self.intake.lmtp, self.intake.smtp)
