"""All that a run found, and whether it is what was wanted. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from sekisho.lab.lines import Lines
from sekisho.lab.measure import Figures, Letters, Timeline
from sekisho.model import Mode

WANTED_SPAM_SHARE = 0.05
WANTED_SECONDS_TO_GATE = 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of a run; `seconds` in all."""

    run: str
    seconds: float
    phases: tuple[Figures, ...]
    letters: Letters
    lines: Lines
    timeline: Timeline

    @property
    def spam_holds(self) -> bool:
        """Tell whether enforcing brought the spam down as far as wanted."""
        share = next(phase.spam.share_of_observe for phase in self.phases if phase.name == "enforce")
        return share is not None and share <= WANTED_SPAM_SHARE

    @property
    def honest_holds(self) -> bool:
        """Tell whether no letter failed."""
        return self.letters.failed == 0 and self.letters.bounced == 0

    @property
    def lines_hold(self) -> bool:
        """Tell whether accounting reached the gate in time, and IPv4 and IPv6 of a line were one."""
        return self.lines.seconds_to_gate.worst <= WANTED_SECONDS_TO_GATE and self.twofold_holds

    @property
    def twofold_holds(self) -> bool:
        """Tell whether a line that sent over both protocols never had more sessions than its cap."""
        spans = self.lines.twofold
        over_both = any(span.ipv4_messages for span in spans) and any(span.ipv6_messages for span in spans)
        limits = {phase.name: phase.limit for phase in self.phases}
        return over_both and all(
            span.sessions_at_most <= limits[span.phase].cap
            for span in spans
            if limits[span.phase].mode is Mode.ENFORCE
        )
