"""What `gate status` says of a trial, below the classes."""

from __future__ import annotations

import pytest

from sekisho.cli.show import print_status
from sekisho.daemon.describe import InForce, describe
from sekisho.model import Counters, Totals
from sekisho.trial.events import Suspension
from sekisho.trial.plan import Phase
from sekisho.trial.standing import standing
from tests.unit.planning import DAY, LIMITS, ON, OWN, START, plan, span

TRIAL = plan(span(0 * DAY, 2 * DAY), phases=(Phase(span(0 * DAY, DAY), (("dynamic", ON),)),))
FILE = "the file says enforce, cap 5, delay 1s, excess drop"


@pytest.mark.parametrize(
    ("suspension", "state", "dynamic", "mobile"),
    [
        (None, "running", "phase 1", "in no block"),
        (Suspension(START, "root", "the router is hot"), "suspended", "suspended", "suspended"),
    ],
)
def test_the_trial_and_what_it_does_with_each_class_are_told(
    capsys: pytest.CaptureFixture[str],
    suspension: Suspension | None,
    state: str,
    dynamic: str,
    mobile: str,
) -> None:
    now = standing(TRIAL, suspension, START)
    limits = {**dict(LIMITS), "other": OWN, **now.limits}
    in_force = InForce({**dict(LIMITS), "other": OWN}, now, ())
    print_status(describe("gate", (), limits, Counters({}, Totals()), in_force=in_force))
    assert capsys.readouterr().out.splitlines()[-3:] == [
        f"trial spring: {state} (`sekisho trial status` tells more)",
        f"  dynamic: by the trial, {dynamic}; {FILE}",
        f"  mobile: by the trial, {mobile}; {FILE}",
    ]
