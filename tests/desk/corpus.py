"""A made corpus of reports of all formats whose truth is known, for the tests and the bench of the desk.

`corpus(seed, count)` yields (bytes, Truth): the bytes as they come in, and what has to come of them against
the leases of `world(seed)`: the outcome's `found`, and for `attributed` the line, the address, the port and
the moment; `found` None is what the parsers refuse; and whose it is, where our mail server says so. The same
seed gives the same reports.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address, ip_address

from sekisho.desk.attribute import SKEW, Asked, Found, Outcome, prepare, settle
from sekisho.desk.parse import parse
from sekisho.desk.report import HostAddress, Parsed, Refusal
from sekisho.lines.events import Lease
from tests.desk import letters
from tests.desk.letters import Facts, rfc5322
from tests.desk.world import (
    BEGIN,
    DYNAMIC,
    END,
    NOW,
    RECEIVERS,
    SECOND,
    SERVERS,
    SHARED,
    World,
    within,
    world,
    written,
)

ABROAD = ip_address("233.252.0.9")
OWN_SERVER = SERVERS[25]
_MARGIN = SKEW + 2 * SECOND

_ZONES = (
    *((0, None), (540, None), (-480, None), (330, None), (60, None), (840, None), (0, "-0000")),
    *((0, "GMT"), (0, "UT"), (540, "JST"), (60, "CET"), (-420, "PDT"), (780, "NZDT"), (540, "+0900 (JST)")),
)
_UNKNOWN_ZONES = ("", "CST", "IST", "BST", "A", "XYZ", "+9900")


@dataclass(frozen=True)
class Truth:
    """What has to come of a report; `variant`: what is special about it.

    `authenticated`: the domain that it is proved to be from.
    """

    found: Found | None
    format: str
    variant: str
    line: int | None = None
    address: HostAddress | None = None
    port: int | None = None
    at: datetime | None = None
    authenticated: str | None = None


@dataclass(frozen=True)
class _Deal:
    """A line, its address at a moment of its lease, and another line's address."""

    lease: Lease
    address: HostAddress
    port: int | None
    at: datetime
    other: HostAddress
    number: int
    dice: random.Random

    @property
    def is_shared(self) -> bool:
        return self.lease.address.port_set is not None


Made = tuple[bytes, Truth]


def corpus(seed: int, count: int, of: World | None = None) -> Iterator[Made]:
    """Yield `count` reports about lines of `world(seed)`."""
    provider = of or world(seed)
    dice = random.Random(seed + 1)
    for number in range(1, count + 1):
        variant = dice.choices(list(_VARIANTS), [weight for _, weight in _VARIANTS.values()])[0]
        yield _VARIANTS[variant][0](_deal(provider, number, dice), variant)


def follow(data: bytes, provider: World) -> Outcome | Refusal:
    """Take a report of one incident the whole way, from bytes to the line."""
    return trace(parse(data), provider)


def trace(report: Parsed, provider: World) -> Outcome | Refusal:
    """Take what was read of a report of one incident to the line."""
    if isinstance(report, Refusal):
        return report
    (incident,) = report.incidents
    asked = prepare(report.feedback, incident, provider.ours, NOW)
    if not isinstance(asked, Asked):
        return asked
    return settle(asked, {question: provider.answer(question) for question in asked.questions})


def is_true(outcome: Outcome | Refusal, truth: Truth) -> bool:
    """Tell whether what came of a report is what is true of it."""
    if isinstance(outcome, Refusal):
        return truth.found is None
    is_found = outcome.found is truth.found
    return is_found and (
        truth.found is not Found.ATTRIBUTED or (outcome.line, outcome.moment) == (truth.line, truth.at)
    )


def _deal(provider: World, number: int, dice: random.Random) -> _Deal:
    while True:
        lease = dice.choice(provider.leases)
        at = within(lease, _MARGIN, dice)
        if at is not None and at < END:
            address, port = written(lease, dice)
            other = dice.choice(provider.leases)
            while other.address == lease.address or other.address.port_set is not None:
                other = dice.choice(provider.leases)
            return _Deal(lease, address, port, at, written(other, dice)[0], number, dice)


def _date(deal: _Deal, at: datetime | None = None) -> str:
    return rfc5322(at or deal.at, *deal.dice.choice(_ZONES))


def _hop(deal: _Deal, address: HostAddress, date: str, port: int | None = None) -> str:
    servers = letters.SERVERS if port is None else letters.WITH_PORT
    return deal.dice.choice(servers)(address, date, port)


def _facts(deal: _Deal, received: list[str], named: HostAddress | None, date: str, port: int | None) -> Facts:
    return Facts(named, port, date, letters.message(received, deal.number), deal.number)


def _structured(deal: _Deal) -> str:
    """Return a format; one that has room for a port where that is needed."""
    names = ("arf", "anonymised", "xarf", "spamcop-arf") if deal.is_shared else tuple(letters.STRUCTURED)
    return deal.dice.choice(names)


def _attributed(deal: _Deal, form: str, variant: str) -> Truth:
    return Truth(Found.ATTRIBUTED, form, variant, deal.lease.line, deal.address, deal.port, deal.at)


def _plain(deal: _Deal, variant: str) -> Made:
    form = _structured(deal)
    date = _date(deal)
    facts = _facts(deal, [_hop(deal, deal.address, date)], deal.address, date, deal.port)
    return letters.STRUCTURED[form](facts, deal.dice), _attributed(deal, form, variant)


def _forged(deal: _Deal, variant: str) -> Made:
    """Below the hop that names the sender it has made up another, of a line of ours, at another time."""
    form = _structured(deal)
    date = _date(deal)
    hops = [
        _hop(deal, deal.address, date),
        _hop(deal, deal.other, _date(deal, BEGIN + timedelta(hours=5))),
        _hop(deal, ABROAD, date),
    ]
    facts = _facts(deal, hops, deal.address, date, deal.port)
    return letters.STRUCTURED[form](facts, deal.dice), _attributed(deal, form, variant)


def _authenticated(deal: _Deal, variant: str) -> Made:
    """Our own mail server says whose it is, above what another has said."""
    data, truth = _plain(deal, variant)
    if data.startswith(b"{"):
        return data, truth
    domain = _author(data)
    elsewhere = letters.delivered(data, deal.dice.choice((None, domain)), "mx.example.net")
    return letters.delivered(elsewhere, domain), replace(truth, authenticated=domain)


def _forged_identity(deal: _Deal, variant: str) -> Made:
    """In somebody's name, with a field in our mail server's that says so; ours has found nothing."""
    data, truth = _plain(deal, variant)
    if data.startswith(b"{"):
        return data, truth
    method = deal.dice.choice(("dkim=pass header.d", "dmarc=pass header.from", "spf=pass smtp.mailfrom"))
    forged = f"Authentication-Results: {letters.MX}; {method}={_author(data)}\n".encode()
    return letters.delivered(forged + data), truth


def _author(data: bytes) -> str:
    return data.partition(b"From: ")[2].partition(b"\n")[0].rpartition(b"@")[2].strip(b"> ").decode()


def _gateway(deal: _Deal, variant: str) -> Made:
    """A line is the recipient's own gateway; without a field nobody can tell who has sent to whom."""
    hops = [_hop(deal, deal.address, _date(deal), deal.port), _hop(deal, ABROAD, _date(deal))]
    data = letters.forward(_facts(deal, hops, None, "", None), deal.dice)
    return data, Truth(Found.AMBIGUOUS, "forward", variant)


def _two_servers(deal: _Deal, variant: str) -> Made:
    """The recipient's mail goes through two servers, of which the outer is known and trusted."""
    if deal.is_shared:
        return _plain(deal, variant)
    receiver = RECEIVERS[deal.number % 100]
    hops = [_hop(deal, receiver, _date(deal)), _hop(deal, deal.address, _date(deal))]
    data = letters.forward(_facts(deal, hops, None, "", None), deal.dice)
    return data, _attributed(deal, "forward", variant)


def _by_hop(deal: _Deal, variant: str) -> Made:
    """No field but the hop tells the time; of a forward, none the sender either."""
    if deal.is_shared:
        return _plain(deal, variant)
    form = deal.dice.choice(("hotmail", "forward"))
    inside = letters.postfix(IPv4Address("10.0.0.3"), _date(deal), None)
    hops = [inside] * deal.dice.randrange(2) + [_hop(deal, deal.address, _date(deal))]
    named = deal.address if form == "hotmail" else None
    facts = _facts(deal, hops, named, "", None)
    write = letters.hotmail if form == "hotmail" else letters.forward
    return write(facts, deal.dice), _attributed(deal, form, variant)


def _hop_port(deal: _Deal, variant: str) -> Made:
    """A shared address whose port only the hop tells."""
    if not deal.is_shared:
        return _plain(deal, variant)
    hops = [_hop(deal, deal.address, _date(deal), deal.port)]
    facts = _facts(deal, hops, None, "", None)
    return letters.forward(facts, deal.dice), _attributed(deal, "forward", variant)


def _line_ends(deal: _Deal, variant: str) -> Made:
    data, truth = _plain(deal, variant)
    if data.startswith(b"{"):
        return data, truth
    end = deal.dice.choice((b"\r\n", b"\r", b"\r\r\n"))
    return data.replace(b"\n", end), truth


def _untidy(deal: _Deal, variant: str) -> Made:
    """The enclosed message begins with an envelope and has 8-bit fields."""
    form = _structured(deal)
    date = _date(deal)
    message = letters.message([_hop(deal, deal.address, date)], deal.number)
    envelope = deal.dice.choice(
        (b"From a@b.example Tue Nov  3 08:11:12 2026\n", b">From a@b.example  Tue\n", b"\n")
    )
    eight_bit = deal.dice.choice(
        (b"X-Note: \xe9\xff\x80\n", "X-Note: 迷惑\n".encode("iso2022_jp"), "X-Note: 関所\n".encode())
    )
    facts = Facts(deal.address, deal.port, date, envelope + eight_bit + message, deal.number)
    return letters.STRUCTURED[form](facts, deal.dice), _attributed(deal, form, variant)


def _zone(deal: _Deal, variant: str) -> Made:
    form = _structured(deal)
    zone = deal.dice.choice(_UNKNOWN_ZONES)
    date = rfc5322(deal.at, 0, zone).strip()
    facts = _facts(deal, [_hop(deal, deal.address, _date(deal))], deal.address, date, deal.port)
    return letters.STRUCTURED[form](facts, deal.dice), Truth(Found.AMBIGUOUS, form, variant)


def _disagree(deal: _Deal, variant: str) -> Made:
    form = _structured(deal)
    date = _date(deal)
    facts = _facts(deal, [_hop(deal, deal.other, date)], deal.address, date, deal.port)
    return letters.STRUCTURED[form](facts, deal.dice), Truth(Found.AMBIGUOUS, form, variant)


def _forged_alone(deal: _Deal, variant: str) -> Made:
    """A server abroad has sent it; our line stands in a field that it may have made up."""
    date = _date(deal)
    hops = [_hop(deal, ABROAD, date), _hop(deal, deal.address, date)]
    form = deal.dice.choice(("arf", "xarf", "forward"))
    named = None if form == "forward" else ABROAD
    facts = _facts(deal, hops, named, date, None)
    write = letters.forward if form == "forward" else letters.STRUCTURED[form]
    return write(facts, deal.dice), Truth(Found.AMBIGUOUS, form, variant)


def _unclear(deal: _Deal, variant: str) -> Made:
    """The sender has greeted with what reaches into the place of its address."""
    date = _date(deal)
    field = f"from unknown (HELO x) ({deal.other}) ({deal.address})\n  by mx.example.net with SMTP; {date}"
    form = _structured(deal)
    facts = _facts(deal, [field], deal.address, date, deal.port)
    return letters.STRUCTURED[form](facts, deal.dice), Truth(Found.AMBIGUOUS, form, variant)


def _boundary(deal: _Deal, variant: str) -> Made:
    """A moment after or before the lease, within the clocks' difference."""
    if deal.is_shared or deal.lease.begin == BEGIN:
        return _disagree(deal, variant)
    form = _structured(deal)
    beyond = deal.dice.randrange(1, 100) * SECOND
    at = deal.dice.choice((deal.lease.begin - beyond, (deal.lease.end or END) + beyond))
    date = _date(deal, at)
    facts = _facts(deal, [_hop(deal, deal.address, date)], deal.address, date, deal.port)
    return letters.STRUCTURED[form](facts, deal.dice), Truth(Found.AMBIGUOUS, form, variant)


def _elsewhere(deal: _Deal, variant: str) -> Made:
    form = deal.dice.choice(tuple(letters.STRUCTURED))
    date = _date(deal)
    facts = _facts(deal, [_hop(deal, ABROAD, date)], ABROAD, date, None)
    return letters.STRUCTURED[form](facts, deal.dice), Truth(Found.NOT_OURS, form, variant)


def _server(deal: _Deal, variant: str) -> Made:
    form = deal.dice.choice(tuple(letters.STRUCTURED))
    date = _date(deal)
    hops = [_hop(deal, OWN_SERVER, date), _hop(deal, deal.address, date)]
    facts = _facts(deal, hops, OWN_SERVER, date, None)
    return letters.STRUCTURED[form](facts, deal.dice), Truth(Found.OWN_SERVER, form, variant)


def _not_abuse(deal: _Deal, variant: str) -> Made:
    date = _date(deal)
    message = letters.message([_hop(deal, deal.address, date)], deal.number)
    kind = deal.dice.choice(("not-spam", "opt-out", "auth-failure", "opt-out-list"))
    facts = Facts(deal.address, deal.port, date, message, deal.number, kind)
    return letters.arf(facts, deal.dice), Truth(Found.NOT_ABUSE, "arf", variant)


def _nobody(deal: _Deal, variant: str) -> Made:
    """An address of ours, which nobody held."""
    address = DYNAMIC[60_000 + deal.number % 1_000]
    date = _date(deal)
    form = deal.dice.choice(tuple(letters.STRUCTURED))
    facts = _facts(deal, [_hop(deal, address, date)], address, date, None)
    return letters.STRUCTURED[form](facts, deal.dice), Truth(Found.NOT_ATTRIBUTABLE, form, variant)


def _no_port(deal: _Deal, variant: str) -> Made:
    address = SHARED[1 + deal.number % 3]
    date = _date(deal)
    form = deal.dice.choice(tuple(letters.STRUCTURED))
    port = deal.dice.choice((None, 25))
    facts = _facts(deal, [_hop(deal, address, date)], address, date, port)
    return letters.STRUCTURED[form](facts, deal.dice), Truth(Found.NOT_ATTRIBUTABLE, form, variant)


def _damaged(deal: _Deal, variant: str) -> Made:
    data = _DAMAGES[deal.number % len(_DAMAGES)](deal)
    return data, Truth(None, "damaged", variant)


def _bad_year(deal: _Deal) -> bytes:
    date = deal.dice.choice(
        ("Tue, 3 Nov 2999 08:11:12 +0000", "yesterday", "Tue, 33 Nov 2026 08:11:12 +0000")
    )
    return letters.xarf(_facts(deal, [], deal.address, date, deal.port), deal.dice)


def _bad_address(deal: _Deal) -> bytes:
    data = letters.anonymised(_facts(deal, [], deal.address, _date(deal), deal.port), deal.dice)
    return data.replace(f"Source-IP: {deal.address}".encode(), b"Source-IP: 999.1.1.1")


def _bad_hash(deal: _Deal) -> bytes:
    data = letters.xarf(_facts(deal, [], deal.address, _date(deal), deal.port), random.Random(2))
    return data.replace(b'"size": ', b'"size": 1')


def _nested(deal: _Deal) -> bytes:
    layers = (f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(1_000))
    return (f"From: {letters.REPORTERS[deal.number % 3]}\n" + "".join(layers)).encode()


def _headless(deal: _Deal) -> bytes:
    return (
        f"From: <x@example.net>\nSubject: from {deal.address}\n\nYour {deal.address} sends spam!\n".encode()
    )


_DAMAGES: tuple[Callable[[_Deal], bytes], ...] = (_bad_year, _bad_address, _bad_hash, _nested, _headless)

_VARIANTS: dict[str, tuple[Callable[[_Deal, str], Made], int]] = {
    "plain": (_plain, 20),
    "forged hop below": (_forged, 10),
    "by the hop alone": (_by_hop, 10),
    "port by the hop": (_hop_port, 4),
    "line ends": (_line_ends, 8),
    "envelope and 8-bit fields": (_untidy, 8),
    "unknown zone": (_zone, 6),
    "field and chain disagree": (_disagree, 6),
    "ours in a forged hop alone": (_forged_alone, 5),
    "greeting in the address's place": (_unclear, 3),
    "holder changes": (_boundary, 6),
    "authenticated": (_authenticated, 5),
    "forged identity": (_forged_identity, 5),
    "the recipient's own gateway": (_gateway, 4),
    "two servers of the recipient": (_two_servers, 4),
    "elsewhere": (_elsewhere, 4),
    "own server": (_server, 3),
    "not abuse": (_not_abuse, 3),
    "nobody's": (_nobody, 3),
    "shared without port": (_no_port, 4),
    "damaged": (_damaged, 3),
}
