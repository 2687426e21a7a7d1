"""Which logins of a line are asked for in an action, and what the answers mean together. Pure.

Theory of operation. Each login is asked for by itself, in turns, until nothing more is to be done with it: it
is changed, its NAS knows it no more, or refuses it for good. One that is ended stays open until accounting
tells so. The action waits as long as any login may still be had: a NAS that is silent, or refuses what may
pass, goes before one that refuses for good, and that before those that have done it.

Of a lift only those logins are concerned that may be changed: those at a NAS with `suspend` that began before
it was asked for. So it is over at the latest when the line has logged in anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sekisho.desk.actions import PASSING, Action, Do, Happened
from sekisho.desk.asked import Became, Part
from sekisho.desk.coa import Answer, Code, Request, change, disconnect
from sekisho.desk.logins import Line, Mark, Nas, UnnamedError, mark_of, named, place_of
from sekisho.lines.events import OpenLogin
from sekisho.model import Address

CLOCKS: Final = timedelta(minutes=5)
"""By how much a NAS may date a login too late; what was never changed loses nothing when it is set back."""

NO_NAS: Final = "no [[desk.nas]] has what the line holds: add it"
NO_RESTORE: Final = "what `suspend` has set stays until the line logs in anew: write `restore`"
_GONE: Final = frozenset({201, 503})
"""Causes that tell of no login (any more), which is what was wanted (RFC 5176 §3.5)."""


class Settled(NamedTuple):
    """A login with which nothing more is to be done.

    `gone`: when its NAS knew it no more, accounting had told of it until then; what tells of it later opens
    it again. None: nothing does.
    """

    part: Part
    gone: datetime | None = None


class Ask(NamedTuple):
    """A login that is to be asked for; None: what a list alone tells of."""

    nas: str
    login: OpenLogin | None
    request: Request

    @property
    def mark(self) -> Mark | None:
        """Return by what it is known again."""
        return None if self.login is None else mark_of(self.login)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be asked for, and what is known of the other logins that are concerned.

    `is_shown`: accounting tells whether it holds.
    """

    asks: tuple[Ask, ...]
    parts: tuple[Part, ...]
    is_shown: bool


def plan(one: Action, line: Line, nases: Sequence[Nas], settled: Mapping[Mark | None, Settled]) -> Plan:
    """Return what is to be done with the logins of a line as it is now."""
    asks: list[Ask] = []
    parts: list[Part] = []
    is_shown = True
    for login, addresses in _logins(line):
        try:
            ask = _ask(one, line, nases, login, addresses)
        except UnnamedError as error:
            parts.append(Part(Became.NOT_ASKED, why=str(error)))
            continue
        if ask is None:
            continue
        known = settled.get(ask.mark)
        if known is None or _is_back(known, login):
            asks.append(ask)
        else:
            parts.append(known.part)
            is_shown &= known.part.became is not Became.ACKNOWLEDGED
        is_shown &= login is not None
    return Plan(tuple(asks), tuple(parts), is_shown)


def settle(ask: Ask, answer: Answer, before: Settled | None) -> Settled | None:
    """Return how a login stands after an answer, where nothing more is to be done with it.

    `before`: how it stood. One that is not known again, while accounting tells of it, stays open.
    """
    part = part_of(ask, answer)
    match part.became:
        case Became.ACKNOWLEDGED:  # that it has ended is for accounting to tell
            is_last_word = ask.login is None or ask.request.code is Code.COA_REQUEST
            return Settled(part) if is_last_word else None
        case Became.GONE if before is None or before.gone is None:
            return Settled(part, None if ask.login is None else ask.login.heard)
        case Became.GONE:
            return before
        case _:
            return None if part.cause in PASSING else Settled(part)


def part_of(ask: Ask, answer: Answer) -> Part:
    """Return what became of a login by an answer."""
    if answer.is_acknowledged:
        return Part(Became.ACKNOWLEDGED, ask.nas)
    became = Became.GONE if answer.cause in _GONE else Became.REFUSED
    return Part(became, ask.nas, answer.cause, answer.why())


def happened(parts: Iterable[Part]) -> tuple[Happened, int | None]:
    """Return what has happened to an action whose logins were asked for, and the cause of a refusal."""
    by = {became: [one for one in parts if one.became is became] for became in Became}
    refused = sorted(by[Became.REFUSED], key=lambda one: (one.cause in PASSING, one.cause or 0))
    passing = [one.cause for one in refused if one.cause in PASSING]
    cause = refused[0].cause if refused else None
    if by[Became.SILENT]:
        return Happened.NO_ANSWER, cause
    if passing:
        return Happened.REFUSED, passing[0]
    if by[Became.NOT_ASKED]:
        return Happened.NOT_ASKED, cause
    return (Happened.REFUSED, cause) if refused else (Happened.ACKNOWLEDGED, None)


def seen(now: Plan) -> Happened | None:
    """Return what is seen of an action, by what is still to be done; None: a refusal waits for people."""
    became = {one.became for one in now.parts}
    if now.asks or Became.NOT_ASKED in became:
        return Happened.NOT_SEEN
    if Became.REFUSED in became:
        return None
    return Happened.SEEN if now.is_shown else Happened.NOT_SHOWN


def _logins(line: Line) -> Iterator[tuple[OpenLogin | None, tuple[Address, ...]]]:
    yield from ((login, login.addresses) for login in line.logins)
    if line.listed:
        yield None, line.listed


def _ask(
    one: Action, line: Line, nases: Sequence[Nas], login: OpenLogin | None, addresses: Sequence[Address]
) -> Ask | None:
    """Return what is asked for a login; None: nothing is to be done with it. Raises UnnamedError."""
    place = place_of(nases, login, addresses)
    if one.do is Do.LIFT:
        if place is None or not _may_be_changed(one, place[0], login):
            return None
        if not place[0].restore:
            raise UnnamedError(NO_RESTORE)
    elif place is None:
        raise UnnamedError(NO_NAS)
    nas, address = place
    names = named(nas, address, login, line)
    attributes = nas.suspend if one.do is Do.IMPOSE else nas.restore
    return Ask(nas.name, login, change(names, attributes) if attributes else disconnect(names))


def _may_be_changed(lift: Action, nas: Nas, login: OpenLogin | None) -> bool:
    """Tell whether a login may have what its NAS sets to suspend it."""
    last = lift.asked_for + (CLOCKS if nas.restore else timedelta())
    return bool(nas.suspend) and (login is None or login.begin <= last)


def _is_back(known: Settled, login: OpenLogin | None) -> bool:
    """Tell whether accounting goes on to tell of a login that its NAS did not know."""
    return known.gone is not None and login is not None and login.heard > known.gone
