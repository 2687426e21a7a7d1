"""All that a compressed trial found, and whether it is what was wanted. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from sekisho.lab.measure import Letters, Timeline
from sekisho.lab.trial_effect import Effect
from sekisho.lab.trial_facts import Trial
from sekisho.trial.report_values import Report


@dataclass(frozen=True)
class TrialResult:
    """The figures of a compressed trial; `seconds` in all."""

    run: str
    seconds: float
    trial: Trial
    report: Report
    effect: Effect
    letters: Letters
    timeline: Timeline

    @property
    def effect_holds(self) -> bool:
        """Tell whether less spam arrived, beyond chance."""
        change = self.effect.spam.change
        return change is not None and change.high < 0

    @property
    def honest_holds(self) -> bool:
        """Tell whether no letter failed."""
        return self.letters.failed == 0 and self.letters.bounced == 0
