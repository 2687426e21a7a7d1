"""What a limit may be, whether it comes from the file or from `gate set`.

Each rule answers None, or what is wrong and the way out.
"""

from __future__ import annotations

from sekisho.durations import format_ms

# Some mail programs and self-hosting checks give up after 5 s; Postfix gives a connect 30 s.
WORRYING_DELAY_MS = 5_000
LONGEST_DELAY_MS = 20_000

Fault = tuple[str, str]


def cap_fault(cap: int) -> Fault | None:
    """Refuse a cap below one session."""
    if cap == 0:
        return (
            "a cap of 0 would close port 25 for every line of the class, which is no limit but a suspension",
            "give a cap of 1 or more; where port 25 has to be closed for a line, suspend that line",
        )
    return (f"a cap of {cap} sessions cannot be", "give a cap of 1 or more") if cap < 0 else None


def cap_beyond(cap: int, slots: int) -> Fault | None:
    """Refuse a cap that one line alone could not reach."""
    if cap <= slots:
        return None
    return (
        f"a cap of {cap:,} sessions for one line is more than the gate's {slots:,} slots for all lines",
        "lower the cap, or raise slots in [gate]",
    )


def delay_fault(delay_ms: int) -> Fault | None:
    """Refuse a delay at which honest mail programs give up."""
    if delay_ms <= LONGEST_DELAY_MS:
        return None
    return (
        f"a delay of {format_ms(delay_ms)} is so long that honest mail programs give up",
        f"give {format_ms(LONGEST_DELAY_MS)} or less; to slow a line further, lower its cap",
    )


def delay_worry(delay_ms: int) -> Fault | None:
    """Warn of a delay at which some programs give up."""
    if delay_ms <= WORRYING_DELAY_MS:
        return None
    return (
        f"after {format_ms(delay_ms)} some mail programs and self-hosting checks have given up",
        f"{format_ms(WORRYING_DELAY_MS)} or less is safe",
    )
