"""Program cost in the kernel's test run: nanoseconds over an empty program, by kind of packet.

`fresh` gives each run of a test run its own ports, so that every SYN is a new session; what it costs itself
is taken off by letting it run the empty program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_network
from typing import Final

from scipy.stats import trim_mean

from bench import programs
from bench.quiet import quiet
from bench.rows import Row, below
from sekisho.gate import bpf, libbpf
from sekisho.model import Address, Excess, KnownLine, Limit, Mode, Wanted
from tests.kernel import frames

ROUNDS: Final = 15
RUNS: Final = 20_000  # in one round
SESSIONS: Final = 1 << 20  # room for the fresh sessions of all rounds
MANY: Final = 1_000_000
FIRST_LINE: Final = IPv4Address("10.0.0.0")
LINE_MASK: Final = (1 << 19) - 1  # spread over this many of the known lines

LINE: Final = str(FIRST_LINE)
FULL_LINE: Final = "10.1.0.1"  # of a class whose cap is used up
SERVER: Final = "192.0.2.1"
EXEMPT: Final = "203.0.113.0/24"
FREE_PORT: Final = 40_000

SYN: Final = frames.segment(LINE, SERVER, (FREE_PORT, 25), frames.SYN, seq=1000)
SYN_ACK: Final = frames.segment(SERVER, LINE, (25, FREE_PORT), frames.SYN | frames.ACK, seq=5000, ack=1001)
DATA: Final = frames.segment(
    LINE, SERVER, (FREE_PORT, 25), frames.ACK, seq=1001, ack=5001, payload=bytes(1000)
)
OTHER: Final = frames.segment(LINE, SERVER, (FREE_PORT, 443), frames.ACK, seq=1, ack=1, payload=bytes(1000))
REFUSED: Final = frames.segment(FULL_LINE, SERVER, (FREE_PORT, 25), frames.SYN, seq=1)


@dataclass(frozen=True)
class Kind:
    """A kind of packet: the frame, and whether each run of it is a session of its own."""

    name: str
    frame: bytes
    fresh: bool = False
    line_mask: int = 0
    expected: int = -1


KINDS: Final = (
    Kind("packet not of port 25", OTHER),
    Kind("data packet with a slot", DATA),
    Kind("admitted SYN", SYN, fresh=True),
    Kind("refused SYN", REFUSED, expected=2),
)
SPREAD: Final = Kind("admitted SYN, each from another line", SYN, fresh=True, line_mask=LINE_MASK)


def wanted(lines: int) -> Wanted:
    """Want this many known lines, each with one address, one of them of the class that is full."""
    first = int(FIRST_LINE)
    addresses = {Address((first + n).to_bytes(4, "big"), 32): n for n in range(lines)}
    known = dict.fromkeys(range(lines), KnownLine("ample"))
    full = len(known)
    return Wanted(
        classes={
            "ample": Limit(Mode.ENFORCE, cap=2**31, delay_ms=0),
            "full": Limit(Mode.ENFORCE, cap=1, delay_ms=0, excess=Excess.DROP),
        },
        exempt=(ip_network(EXEMPT),),
        lines=known | {full: KnownLine("full")},
        addresses=addresses | {Address(IPv4Address(FULL_LINE).packed, 32): full},
    )


class Gate:
    """A loaded gate with some known lines, on which each kind of packet is run."""

    def __init__(self, loaded: libbpf.Loaded, helpers: libbpf.Loaded) -> None:
        self._subscriber, self._helpers = loaded.programs["subscriber_eth"], helpers
        for program, frame in (("subscriber_eth", SYN), ("uplink_eth", SYN_ACK), ("subscriber_eth", DATA)):
            _expect(-1, bpf.run_packet(loaded.programs[program], frame).retval)
        taken = frames.segment(FULL_LINE, SERVER, (FREE_PORT - 1, 25), frames.SYN)
        _expect(-1, bpf.run_packet(self._subscriber, taken).retval)

    def nanoseconds(self, kind: Kind) -> float:
        """Return what one run of a packet costs over the empty program."""
        if not kind.fresh:
            return self._run(self._subscriber, kind) - self._run(self._helpers.programs["empty"], kind)
        return self._fresh(self._subscriber, kind) - self._fresh(self._helpers.programs["empty"], kind)

    def _fresh(self, program: int, kind: Kind) -> int:
        programs.put_under_test(self._helpers.maps, program)
        return self._run(self._helpers.programs["fresh"], kind)

    def _run(self, program: int, kind: Kind) -> int:
        with quiet():
            run = bpf.run_packet(program, kind.frame, repeat=RUNS)
        _expect(-1 if program == self._helpers.programs["empty"] else kind.expected, run.retval)
        return run.duration_ns


def _expect(expected: int, answer: int) -> None:
    if answer != expected:
        raise RuntimeError(f"the gate answered {answer} where {expected} was due: nothing to measure")


def measure() -> Iterator[Row]:
    """Measure each kind with one known line and with a million, by turns."""
    with programs.helpers() as helpers, _gate(helpers, 1) as one, _gate(helpers, MANY) as many:
        for kind in KINDS:
            programs.vary(helpers.maps, kind.line_mask)
            rounds = [(one.nanoseconds(kind), many.nanoseconds(kind)) for _ in range(ROUNDS)]
            few, more = (_middle(costs) for costs in zip(*rounds, strict=True))
            ratio = more / max(few, 1)  # a program may cost next to nothing
            yield Row(f"cost, 1 known line: {kind.name}", few, "ns")
            yield Row(f"cost, 1,000,000 known lines: {kind.name}", more, "ns")
            yield below(f"cost, 1,000,000 known lines over 1: {kind.name}", ratio, "ratio", 2)
        programs.vary(helpers.maps, SPREAD.line_mask)
        spread = _middle([many.nanoseconds(SPREAD) for _ in range(ROUNDS)])
        yield Row(f"cost, 1,000,000 known lines: {SPREAD.name}", spread, "ns")


def _middle(costs: Sequence[float]) -> float:
    """Return the mean of the middle half: the kernel tells whole nanoseconds, and so would a median."""
    return float(trim_mean(costs, 0.25))


@contextmanager
def _gate(helpers: libbpf.Loaded, lines: int) -> Iterator[Gate]:
    roles = frozenset({"subscriber_eth", "uplink_eth"})
    with programs.gate(roles, lines=LINE_MASK + 2, slots=SESSIONS, known=MANY + 1) as (loaded, gate):
        programs.install(gate, wanted(lines))
        yield Gate(loaded, helpers)
