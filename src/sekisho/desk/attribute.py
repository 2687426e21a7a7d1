"""To which line an incident belongs, or why that cannot be said for certain.

Theory of operation. What a report claims is believed only as far as nothing speaks against it:

    address   the report's own field, which has to lie in our pools. The Received chain is walked from the top
              to the first hop whose sender is ours: what stands below may be forged, and that sender has to
              be the one of the field. Without a field, the hop counts where no other's server stands above
              it but receivers that are trusted, and none below: there it may be true, and our sender have
              passed on what it had from somebody else, as the recipient's own gateway does. What is
              believed although it could be made up is marked, and counts for less (`Basis`)
    time      the report's Arrival-Date, then Received-Date, then what its words say, then the hop's. The
              first of them counts, unless another of them leads to another line
    port      the report's field, or the hop's

`prepare` tells what is to be asked of the leases, or the outcome where nothing is; `settle` decides with the
answers. One doubt is enough: whoever is not certain is nobody to whom anything is done by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from sekisho.desk.report import Feedback, Hop, HostAddress, Incident, Moment, TimeSource
from sekisho.lines.holder import Answer, Certainty
from sekisho.model import Network

SKEW = timedelta(seconds=120)
"""By how much the clocks of reporters and of NASes may differ, where nothing else is configured."""

_MOST_MOMENTS = 4
_ORDER = (TimeSource.ARRIVAL_DATE, TimeSource.RECEIVED_DATE, TimeSource.BODY, TimeSource.HOP)


class Found(StrEnum):
    """What came of an incident."""

    ATTRIBUTED = "attributed"
    AMBIGUOUS = "ambiguous"
    NOT_OURS = "not-ours"
    OWN_SERVER = "own-mail-server"
    NOT_ABUSE = "not-abuse"
    NOT_ATTRIBUTABLE = "not-attributable"


class Because(StrEnum):
    """Why it is no line's for certain, in words for people."""

    DISAGREE = "the report's field and the Received chain name different senders"
    UNCLEAR = "a Received field cannot be read with certainty"
    FORGEABLE = "our address stands below a server that is not ours, who may have made it up"
    RELAYED = "another's address stands below ours, which may only have passed the mail on"
    ZONE = "the time has no zone that is known, or its day of the week is another date's"
    FUTURE = "the time lies in the future"
    TIMES_DISAGREE = "the times that are given lead to different lines"
    SEVERAL = "more than one line may have held the address within the clocks' difference"
    NO_ADDRESS = "no address is given"
    NO_TIME = "no time is given"
    NO_PORT = "lines share the address, and no port is given"
    NOBODY = "nobody held the address at that time"
    DISMISSED = "a person dismissed it as another line's, and accounting has named this one since"


@dataclass(frozen=True, slots=True)
class Ours:
    """What is ours: addresses that lines have, and our own mail servers, as `ours` makes it.

    `is_receiver`: of a server of others that is trusted to write into a chain what it has seen.
    """

    is_line: Callable[[HostAddress], bool]
    is_server: Callable[[HostAddress], bool]
    is_receiver: Callable[[HostAddress], bool]


@dataclass(frozen=True, slots=True)
class Question:
    """Who held an address (packed) at a moment, with clocks that may differ by `skew`?"""

    network: bytes
    port: int | None
    at: datetime
    skew: timedelta


@dataclass(frozen=True, slots=True)
class Basis:
    """What an attribution rests on: where the time was written, and whether field and hop name the sender.

    `is_forgeable`: others stand above the hop, who may have made it up: strangers, or without a field also a
    server that sees all the world under an address of its inside.
    """

    time: TimeSource
    is_named: bool
    is_corroborated: bool
    is_forgeable: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What has to be asked of the leases; the first question is the one that counts."""

    questions: tuple[Question, ...]
    basis: Basis


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an incident; `line` and `moment` where it is attributed, else `because`, if there is one.

    `candidates`: lines that may have held the address.
    """

    found: Found
    because: Because | None = None
    line: int | None = None
    moment: datetime | None = None
    basis: Basis | None = None
    candidates: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sender:
    address: HostAddress
    hop: Hop | None
    is_named: bool
    is_forgeable: bool


def ours(lines: Iterable[Network], servers: Iterable[Network], receivers: Iterable[Network] = ()) -> Ours:
    """Return what is ours: prefixes of lines' addresses, and of our own mail servers, which go first.

    `receivers`: prefixes of mail servers of others that are trusted.
    """
    return Ours(_finder(lines), _finder(servers), _finder(receivers))


def prepare(
    feedback: Feedback, incident: Incident, our: Ours, now: datetime, skew: timedelta = SKEW
) -> Asked | Outcome:
    """Tell what is to be asked of the leases about an incident, or the outcome where nothing is."""
    if not feedback.is_abuse:
        return Outcome(Found.NOT_ABUSE)
    sender = _sender(incident, our)
    if isinstance(sender, Outcome):
        return sender
    moments = _moments(incident, sender)
    if not moments:
        return Outcome(Found.NOT_ATTRIBUTABLE, Because.NO_TIME)
    first = moments[0]
    if first.at is None:
        return Outcome(Found.AMBIGUOUS, Because.ZONE)
    if first.at > now + skew:
        return Outcome(Found.AMBIGUOUS, Because.FUTURE)
    times = dict.fromkeys(moment.at for moment in moments if moment.at is not None)
    questions = (
        Question(sender.address.packed, port, at, skew)
        for at in list(times)[:_MOST_MOMENTS]
        for port in _ports(incident, sender)
    )
    is_corroborated = sender.hop is not None
    basis = Basis(first.source, sender.is_named, is_corroborated, sender.is_forgeable)
    return Asked(tuple(questions), basis)


def settle(asked: Asked, answers: Mapping[Question, Answer | None]) -> Outcome:
    """Decide with the answers to all questions; None: lines share the address, and there is no port."""
    found = whose(asked.questions, answers)
    return found if found.line is None else replace(found, basis=asked.basis)


def whose(questions: Sequence[Question], answers: Mapping[Question, Answer | None]) -> Outcome:
    """Decide as `settle` does, by the questions alone, as they are asked anew."""
    given = [answers[question] for question in questions]
    known = [answer for answer in given if answer is not None]
    if len(known) < len(given):
        return Outcome(Found.NOT_ATTRIBUTABLE, Because.NO_PORT)
    if all(answer.certainty is Certainty.NOBODY for answer in known):
        return Outcome(Found.NOT_ATTRIBUTABLE, Because.NOBODY)
    lines = tuple(dict.fromkeys(one.line for answer in known for one in answer.candidates))
    if any(answer.certainty is Certainty.AMBIGUOUS for answer in known):
        return Outcome(Found.AMBIGUOUS, Because.SEVERAL, candidates=lines)
    if len(lines) > 1 or any(answer.certainty is Certainty.NOBODY for answer in known):
        return Outcome(Found.AMBIGUOUS, Because.TIMES_DISAGREE, candidates=lines)
    return Outcome(Found.ATTRIBUTED, line=lines[0], moment=questions[0].at)


def _sender(incident: Incident, our: Ours) -> _Sender | Outcome:
    """Return which address of a line has sent it, or the outcome where that cannot be said."""
    named = incident.address
    place, above = _walk(incident, our)
    hop = None if place is None else incident.chain[place]
    if named is not None and our.is_server(named):
        return Outcome(Found.OWN_SERVER)
    if named is not None and our.is_line(named):
        return _named(named, hop, above)
    if named is not None:
        is_ours = hop is not None and hop.is_clear
        return Outcome(Found.AMBIGUOUS, Because.DISAGREE) if is_ours else Outcome(Found.NOT_OURS)
    below = () if place is None else incident.chain[place + 1 :]
    found = _unnamed(hop, our, above, below, is_cut=incident.is_cut)
    if isinstance(found, Outcome):
        return found
    inside = (one.address for one in incident.chain[:place] if one.address is not None)
    return replace(found, is_forgeable=any(not our.is_receiver(one) for one in inside))


def _named(named: HostAddress, hop: Hop | None, above: int) -> _Sender | Outcome:
    """Judge an address of a line that the report names."""
    if hop is None:
        if above:
            return Outcome(Found.AMBIGUOUS, Because.DISAGREE)
        return _Sender(named, None, is_named=True, is_forgeable=False)
    if not hop.is_clear:
        return Outcome(Found.AMBIGUOUS, Because.UNCLEAR)
    if hop.address != named:
        return Outcome(Found.AMBIGUOUS, Because.DISAGREE)
    return _Sender(named, hop, is_named=True, is_forgeable=above > 0)


def _unnamed(
    hop: Hop | None, our: Ours, above: int, below: Sequence[Hop], *, is_cut: bool
) -> _Sender | Outcome:
    """Judge a chain of which the report names no sender; `is_cut`: there is more below than is known."""
    if hop is None:
        return Outcome(Found.NOT_OURS) if above else Outcome(Found.NOT_ATTRIBUTABLE, Because.NO_ADDRESS)
    if not hop.is_clear or hop.address is None:
        return Outcome(Found.AMBIGUOUS, Because.UNCLEAR)
    if above:
        return Outcome(Found.AMBIGUOUS, Because.FORGEABLE)
    if our.is_server(hop.address):
        return Outcome(Found.OWN_SERVER)
    if is_cut or any(_may_be_anothers(one, hop.address) for one in below):
        return Outcome(Found.AMBIGUOUS, Because.RELAYED)
    return _Sender(hop.address, hop, is_named=False, is_forgeable=False)


def _may_be_anothers(hop: Hop, sender: HostAddress) -> bool:
    """Tell whether a hop shows, or may hide, another sender than that of the hop above it."""
    if not hop.is_clear:
        return True
    return hop.address is not None and hop.address != sender and not _is_inside(hop.address)


def _walk(incident: Incident, our: Ours) -> tuple[int | None, int]:
    """Return the place of the hop at which the chain ends for us, and how many others' servers stand above.

    That is the first whose sender is ours, or one that cannot be read; None: there is no such hop.
    """
    above = 0
    for place, hop in enumerate(incident.chain):
        if not hop.is_clear:
            return place, above
        if hop.address is None:
            continue
        if our.is_line(hop.address) or our.is_server(hop.address):
            return place, above
        above += not (_is_inside(hop.address) or our.is_receiver(hop.address))
    return None, above


def _moments(incident: Incident, sender: _Sender) -> list[Moment]:
    """Return the times that are given, the one that counts first."""
    of_hop = sender.hop.moment if sender.hop is not None else None
    given = (*incident.times, *(() if of_hop is None else (of_hop,)))
    return sorted(given, key=lambda moment: _ORDER.index(moment.source))


def _ports(incident: Incident, sender: _Sender) -> list[int | None]:
    of_hop = sender.hop.port if sender.hop is not None else None
    known = dict.fromkeys(port for port in (incident.port, of_hop) if port is not None)
    return [*known] or [None]


def _finder(networks: Iterable[Network]) -> Callable[[HostAddress], bool]:
    """Return a function that tells whether an address lies in one of the networks, however many there are."""
    some = tuple(networks)
    ipv4 = collapse_addresses(one for one in some if isinstance(one, IPv4Network))
    ipv6 = collapse_addresses(one for one in some if isinstance(one, IPv6Network))
    tables: dict[int, dict[int, set[int]]] = {4: {}, 6: {}}
    merged: tuple[Network, ...] = (*ipv4, *ipv6)
    for network in merged:
        spare = network.max_prefixlen - network.prefixlen
        tables[network.version].setdefault(spare, set()).add(int(network.network_address) >> spare)

    def contains(address: HostAddress) -> bool:
        number = int(address)
        return any(number >> spare in upper for spare, upper in tables[address.version].items())

    return contains


_is_inside = _finder(  # addresses that are some organisation's inside: its hops tell nothing of who sent
    map(
        ip_network,
        (
            *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
        ),
    )
)
