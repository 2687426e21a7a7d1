"""How the compressed trial is laid out: blocks of seconds by lot, as many pairs as an answer needs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sekisho.durations import format_ms
from sekisho.lab import gate
from sekisho.model import Limit, Mode
from sekisho.trial.lots import draw, pieces
from sekisho.trial.plan import ENOUGH_PAIRS, Arm, Block
from sekisho.trial.protocol import Outcome

NAME = "laboratory"
OWN = Limit(Mode.OBSERVE, 2, 1_000)
"""What the class has beside the trial and in its off blocks; the same enforced is what is on."""

STEPS = 5  # of a block, each a cell of what is counted
_WASHED_OUT = 3  # of these: what the block before left under way
_WANTED_PAIRS = 12  # leave six pairs of off blocks for the placebo, the fewest that give it an answer
_SETTLED = 5.0  # seconds of a block whose wash-out is a delay and a session
_BLOCKS = (30.0, 20.0, 15.0, 12.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0)  # seconds; each divides a day
_OUTCOMES = (Outcome.ADMITTED, Outcome.ATTEMPTS, Outcome.REFUSED, Outcome.BYTES)

LETTER_SECONDS = 2.0  # between the letters of an honest line: a few of them in what is counted of a block

SETUP_SECONDS = 10.0
LEAD_SECONDS = 6.0  # in which the plan is loaded and registered, and the spam gets going
AFTER_SECONDS = 8.0
DEFAULT_SECONDS = 145.0
MINIMUM_SECONDS = SETUP_SECONDS + LEAD_SECONDS + 2 * ENOUGH_PAIRS * _BLOCKS[-1] + AFTER_SECONDS


@dataclass(frozen=True, slots=True)
class Layout:
    """Blocks of one length, two for each pair."""

    block: timedelta
    pairs: int

    @property
    def length(self) -> timedelta:
        """How long the trial is."""
        return 2 * self.pairs * self.block

    @property
    def step(self) -> timedelta:
        """How long a cell is."""
        return self.block / STEPS

    @property
    def washout(self) -> timedelta:
        """How much of a block's beginning is left out."""
        return _WASHED_OUT * self.step


def layout(seconds: float) -> Layout:
    """Choose how long blocks are in a run of `seconds` in all: long enough first, then many, then longer.

    Raises ValueError below what a trial of six pairs takes.
    """
    if seconds < MINIMUM_SECONDS:
        raise ValueError(
            f"{seconds:g} seconds are too few: {ENOUGH_PAIRS} pairs of blocks, the fewest that give an "
            f"interval, need at least {MINIMUM_SECONDS:g}; use --seconds {MINIMUM_SECONDS:g} or more"
        )
    spare = seconds - SETUP_SECONDS - LEAD_SECONDS - AFTER_SECONDS
    block = next(one for one in _BLOCKS if spare // (2 * one) >= _fewest_pairs(one))
    return Layout(timedelta(seconds=block), int(spare // (2 * block)))


def _fewest_pairs(block: float) -> int:
    """Return how many pairs there must be for blocks to be as long; `block` in seconds."""
    return _WANTED_PAIRS if block > _SETTLED else ENOUGH_PAIRS


def first_begin(laid_out: Layout, now: datetime) -> datetime:
    """Return when a trial can begin at the earliest, so that every block finds its partner.

    Blocks stand at times of day, and those of different hours make no pair.
    """
    midnight = datetime.combine(now.astimezone(UTC), time(), UTC)
    begin = midnight - (midnight - now) // laid_out.block * laid_out.block
    if _pairs(laid_out, begin) < laid_out.pairs:  # an odd number of blocks is before the full hour
        begin += laid_out.block
    return begin


def config(begin: datetime, laid_out: Layout, seed: int) -> str:
    """Write [trial], which stands behind the rest of the gate's configuration."""
    milliseconds = timedelta(milliseconds=1)
    span = f"from = {begin.isoformat()}\nto   = {(begin + laid_out.length).isoformat()}"
    outcomes = ", ".join(f'"{one}"' for one in _OUTCOMES)
    return f"""
[trial]
name     = "{NAME}"
{span}
zone     = "UTC"
classes  = ["{gate.CLASS}"]
outcomes = [{outcomes}]

[trial.switchback]
{span}
block   = "{format_ms(laid_out.block // milliseconds)}"
washout = "{format_ms(laid_out.washout // milliseconds)}"
seed    = {seed}
on      = {{ cap = {OWN.cap}, delay = "{format_ms(OWN.delay_ms)}" }}
"""


def lots_drawn(blocks: Sequence[Block]) -> str:
    """Draw what the lot put on, pair by pair."""
    marks = ["█" if block.arm is Arm.ON else "░" for block in blocks]
    return " ".join("".join(marks[at : at + 2]) for at in range(0, len(marks), 2))


def _pairs(laid_out: Layout, begin: datetime) -> int:
    found = tuple(pieces(UTC, begin, begin + laid_out.length, laid_out.block))
    return len(draw(found, seed=0)) // 2
