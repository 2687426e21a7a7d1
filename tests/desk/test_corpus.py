"""Reports of all formats, from bytes to the line: nobody is accused by mistake, and no doubt is hidden."""

from __future__ import annotations

from sekisho.desk.parse import parse
from sekisho.desk.report import Report
from tests.desk.corpus import corpus, is_true, trace
from tests.desk.letters import MX
from tests.desk.world import world

_SEED, _COUNT = 20_261_125, 1_500


def test_every_report_comes_to_what_is_true_of_it() -> None:
    provider = world(_SEED)
    read = [(truth, parse(data, servers={MX})) for data, truth in corpus(_SEED, _COUNT, provider)]
    followed = [(truth, trace(parsed, provider)) for truth, parsed in read]
    wrong = [(truth, outcome) for truth, outcome in followed if not is_true(outcome, truth)]
    assert not wrong, wrong[:5]
    assert len({(truth.format, truth.found) for truth, _ in followed}) > 25
    assert len({truth.variant for truth, _ in followed}) == 21
    whose = {
        (truth.authenticated, parsed.authenticated) for truth, parsed in read if isinstance(parsed, Report)
    }
    assert all(wanted == found for wanted, found in whose)
    assert len(whose) > 3


def test_the_same_seed_gives_the_same_reports() -> None:
    assert list(corpus(1, 20)) == list(corpus(1, 20))
