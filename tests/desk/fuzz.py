"""Mutational fuzzing of the desk's parsers: `python -m tests.desk.fuzz SECONDS [SEED] [FORM …]`.

Takes good reports of a form apart and together wrongly, and asks of whatever comes of it that it is a report
or a refusal, that what it holds can be stored, and that it took no longer than 100 ms of processor time.
The first thing that is not so ends the run and is written to build/fuzz/, with how to make it again.
"""

from __future__ import annotations

import itertools
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from ipaddress import IPv6Address
from pathlib import Path
from typing import Final

from sekisho.desk.mailbox import messages
from sekisho.desk.parse import parse
from sekisho.desk.report import Hop, Incident, Moment, Parsed, Refusal
from sekisho.desk.words import LONGEST
from tests.desk import letters
from tests.desk.letters import Facts, rfc5322
from tests.desk.world import within, world, written

LONGEST_SECONDS: Final = 0.1
_MOST_BYTES: Final = 400_000
_LONGEST_REASON: Final = 600
_FORMS: Final = {
    **letters.STRUCTURED,
    "xarf-3": letters.xarf_3,
    "hotmail": letters.hotmail,
    "forward": letters.forward,
}
FORMS: Final = (*_FORMS, "mailbox")
_SEEDS: Final = 40  # good reports of each form

_TOKENS: Final = (
    *(
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b"\0",
        b"\xff",
        b"\xe9",
        b"\t",
        b" ",
        b"\n ",
        b":",
        b";",
        b"(",
        b")",
        b"[",
        b"]",
    ),
    *(
        b'"',
        b"\\",
        b"=",
        b"--",
        b"\n--",
        b"{",
        b"}",
        b",",
        b"<",
        b">",
        b"@",
        b"%",
        b"&a ",
        b"*a ",
        b"!!",
        b"? ",
        b"- ",
    ),
    *(
        b"From ",
        b">From ",
        b"\nFrom a@b Tue Nov  3 08:11:12 2026\n",
        b"Received: ",
        b"\nReceived: from ",
        b" by ",
        b" with ",
    ),
    *(
        b"IPv6:",
        b"::ffff:",
        b"999.1.1.1",
        b"0",
        b"-0000",
        b" CST",
        b"2999",
        b"99999999999999999999",
        b"+9900",
        b"\xe2\x80\xae",
    ),
    *(
        b"Content-Type: multipart/mixed; boundary=z\n\n--z\n",
        b"Content-Type: message/rfc822\n\n",
        b"\n--z--\n",
        b"\\ud800",
    ),
    *(
        b"Content-Transfer-Encoding: base64\n",
        b"Content-Transfer-Encoding: quoted-printable\n",
        b"HELO x) (1.2.3.4",
        b"null",
    ),
    *(
        b"Source-IP: 198.18.0.1\n",
        b"Feedback-Type: abuse\n",
        b"Incidents: 7\n",
        b"Source-Port: 70000\n",
        b"X-XARF: PLAIN\n",
        b"In-Reply-To: <desk-gate-1-1-1-stop-request@isp.example>\n",
        b"Authentication-Results: mx.isp.example; ",
        b"dkim=pass header.d=",
    ),
)
"""What means something to one parser or another."""


class FoundError(Exception):
    """What a parser did that it must not do."""


@dataclass(frozen=True)
class Run:
    """How many cases there were, and the longest that one took, in seconds of processor time."""

    cases: int
    slowest: float


def fuzz(form: str, seconds: float, seed: int) -> Run:
    """Try mutants of a form for so many seconds of processor time; raise FoundError."""
    good = list(_good(form, seed))
    end, slowest = time.process_time() + seconds, 0.0
    for number in itertools.count():
        case = mutant(good, f"{seed}/{form}/{number}")
        slowest = max(slowest, _try(form, case, f"{seed}/{form}/{number}"))
        if time.process_time() > end:
            return Run(number + 1, slowest)
    raise AssertionError


def mutant(good: list[bytes], name: str) -> bytes:
    """Return the mutant of this name."""
    dice = random.Random(name)
    data = dice.choice(good)
    for _ in range(1 + int(dice.expovariate(0.5))):
        data = dice.choice(_WAYS)(data, good, dice)[:_MOST_BYTES]
    return data


def check(parsed: Parsed) -> None:
    """Raise FoundError where a result holds what no result may."""
    if isinstance(parsed, Refusal):
        _text(parsed.reason, _LONGEST_REASON)
        return
    _demand(0 < len(parsed.incidents) <= 1_000, "incidents")
    for text in (parsed.report_id, parsed.reporter.address, parsed.reporter.domain, parsed.authenticated):
        _text(text, 320)
    for incident in parsed.incidents:
        _incident(incident)


def _good(form: str, seed: int) -> Iterator[bytes]:
    provider, dice = world(seed, 10), random.Random(seed)
    for number in range(_SEEDS):
        lease = dice.choice(provider.leases)
        address, port = written(lease, dice)
        date = rfc5322(within(lease, -lease.begin.resolution, dice) or lease.begin, 540)
        hops = [dice.choice(letters.SERVERS)(address, date, port) for _ in range(1 + number % 3)]
        facts = Facts(address, port, date, letters.message(hops, number), number)
        if form == "mailbox":
            yield b"".join(
                b"From a@b Tue Nov  3 08:11:12 2026\n" + write(facts, dice) + b"\n\n"
                for write in _FORMS.values()
            )
        else:
            data = _FORMS[form](facts, dice)
            is_handed_on = number % 2 and not data.startswith(b"{")
            yield letters.delivered(data, facts.reporter.partition("@")[2]) if is_handed_on else data


def _try(form: str, case: bytes, name: str) -> float:
    try:
        taken = _timed(form, case)
        for _ in range(2):  # a pause of the machine is no fault of the parser's
            taken = taken if taken < LONGEST_SECONDS else min(taken, _timed(form, case))
    except FoundError as error:
        raise FoundError(f"case {name}: {error}") from None
    except Exception as error:
        raise FoundError(f"case {name}: {error!r}") from error
    if taken >= LONGEST_SECONDS:
        raise FoundError(f"case {name}: {taken * 1_000:.0f} ms for {len(case)} bytes")
    return taken


def _timed(form: str, case: bytes) -> float:
    begin = time.process_time()
    cases = messages([case], _MOST_BYTES) if form == "mailbox" else [case]
    found = [parse(each, servers={letters.MX}) for each in cases]
    taken = (time.process_time() - begin) / max(1, len(found))
    for parsed in found:
        check(parsed)
    return taken


def _incident(incident: Incident) -> None:
    _demand(0 < incident.count < 10_000_000, "count")
    _demand(len(incident.chain) <= 30, "chain")
    _port(incident.port)
    _address(incident.address)
    _text(incident.message_id, LONGEST)
    for moment in incident.times:
        _moment(moment)
    for hop in incident.chain:
        _hop(hop)


def _hop(hop: Hop) -> None:
    _port(hop.port)
    _address(hop.address)
    _text(hop.by, LONGEST)
    _demand(hop.is_clear or hop.address is None, "an address of a hop that is not clear")
    if hop.moment is not None:
        _moment(hop.moment)


def _moment(moment: Moment) -> None:
    _text(moment.written, LONGEST)
    if moment.at is not None:
        _demand(moment.at.tzinfo is UTC and 1999 <= moment.at.year <= 2100, f"time {moment.at}")


def _port(port: int | None) -> None:
    _demand(port is None or (0 < port < 65_536 and port != 25), f"port {port}")


def _address(address: object) -> None:
    if isinstance(address, IPv6Address):
        _demand(address.ipv4_mapped is None and address.scope_id is None, f"address {address}")


def _text(text: str | None, longest: int) -> None:
    if text is not None:
        text.encode()  # no half of a pair
        _demand(len(text) <= longest and not any(ord(sign) < 32 for sign in text), f"text {text!r}")


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise FoundError(f"wrong {what}")


Way = Callable[[bytes, list[bytes], random.Random], bytes]


def _place(data: bytes, dice: random.Random) -> tuple[int, int]:
    begin = dice.randrange(len(data) + 1)
    return begin, min(len(data), begin + int(dice.expovariate(0.05)))


def _flip(data: bytes, good: list[bytes], dice: random.Random) -> bytes:
    del good
    changed = bytearray(data)
    for _ in range(dice.randrange(1, 8) if data else 0):
        changed[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(changed)


def _insert(data: bytes, good: list[bytes], dice: random.Random) -> bytes:
    del good
    begin, _ = _place(data, dice)
    return data[:begin] + dice.choice(_TOKENS) * dice.choice((1, 1, 1, 2, 50, 5_000)) + data[begin:]


def _replace(data: bytes, good: list[bytes], dice: random.Random) -> bytes:
    del good
    begin, end = _place(data, dice)
    return data[:begin] + dice.choice(_TOKENS) + data[end:]


def _cut(data: bytes, good: list[bytes], dice: random.Random) -> bytes:
    del good
    begin, end = _place(data, dice)
    return data[:begin] + data[end:] if dice.random() < 0.8 else data[:begin]


def _repeat(data: bytes, good: list[bytes], dice: random.Random) -> bytes:
    del good
    begin, end = _place(data, dice)
    return data[:end] + data[begin:end] * dice.choice((1, 3, 30, 1_000)) + data[end:]


def _splice(data: bytes, good: list[bytes], dice: random.Random) -> bytes:
    other = dice.choice(good)
    return data[: dice.randrange(len(data) + 1)] + other[dice.randrange(len(other) + 1) :]


def _line(data: bytes, good: list[bytes], dice: random.Random) -> bytes:
    """Take a line elsewhere, or twice, or away."""
    lines = data.split(b"\n")
    one = dice.choice(dice.choice(good).split(b"\n")) if dice.random() < 0.3 else dice.choice(lines)
    if dice.random() < 0.3:
        lines.remove(dice.choice(lines))
    lines.insert(dice.randrange(len(lines) + 1), one)
    return b"\n".join(lines)


def _ends(data: bytes, good: list[bytes], dice: random.Random) -> bytes:
    del good
    return data.replace(b"\n", dice.choice((b"\r", b"\r\n", b"\n\r", b"\r\r\n")))


_WAYS: Final[tuple[Way, ...]] = (
    _flip,
    _flip,
    _insert,
    _insert,
    _replace,
    _cut,
    _repeat,
    _splice,
    _line,
    _line,
    _ends,
)


def main(seconds: float, seed: int, forms: list[str]) -> int:
    """Fuzz these forms in turn, each for its share of the time, and say how it went."""
    total: dict[str, Run] = {form: Run(0, 0.0) for form in forms}
    rounds = max(1, int(seconds // (30 * len(forms))))
    for turn, form in itertools.product(range(rounds), forms):
        try:
            run = fuzz(form, seconds / rounds / len(forms), seed + turn)
        except FoundError as error:
            _keep(error)
            print(error, file=sys.stderr)
            return 1
        total[form] = Run(total[form].cases + run.cases, max(total[form].slowest, run.slowest))
    for form, run in total.items():
        print(f"{form}: {run.cases} cases, slowest {run.slowest * 1_000:.0f} ms")
    print(
        f"largest resident set {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024} MiB, seed {seed}"
    )
    return 0


def _keep(error: FoundError) -> None:
    """Write the case of an error to a file, from its name."""
    name = str(error).removeprefix("case ").partition(":")[0]
    seed, form, _ = name.split("/")
    path = Path("build/fuzz") / f"{name.replace('/', '-')}.eml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mutant(list(_good(form, int(seed))), name))


if __name__ == "__main__":
    raise SystemExit(
        main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1, sys.argv[3:] or list(FORMS))
    )
