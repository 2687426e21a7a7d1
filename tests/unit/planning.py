"""Plans of trials for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sekisho.model import Limit, Mode
from sekisho.trial.plan import Limits, Phase, Plan, Span, Switchback

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
START = datetime(2027, 1, 3, 15, tzinfo=UTC)  # a Monday begins in Tokyo
OWN = Limit(Mode.ENFORCE, 5, 1_000)
ON = Limit(Mode.ENFORCE, 3, 2_000)
LIMITS: Limits = (("dynamic", OWN), ("mobile", OWN))


def span(first: timedelta, last: timedelta) -> Span:
    """Return a span by its distances from the start."""
    return Span(START + first, START + last)


def switchback(of: Span, block: timedelta = 6 * HOUR, washout: timedelta = HOUR, seed: int = 7) -> Switchback:
    """Return a switchback of both classes."""
    return Switchback(of, block, washout, seed, tuple((name, ON) for name, _ in LIMITS))


def plan(
    of: Span,
    drawn: Switchback | None = None,
    phases: tuple[Phase, ...] = (),
    maintenance: tuple[Span, ...] = (),
    zone: str = "Asia/Tokyo",
) -> Plan:
    """Return a plan of both classes."""
    return Plan("spring", of, zone, LIMITS, phases, drawn, maintenance)
