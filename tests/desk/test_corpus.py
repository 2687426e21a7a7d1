"""Reports of all formats, from bytes to the line: nobody is accused by mistake, and no doubt is hidden."""

from __future__ import annotations

from tests.desk.corpus import corpus, follow, is_true
from tests.desk.world import world

_SEED, _COUNT = 20_261_125, 1_500


def test_every_report_comes_to_what_is_true_of_it() -> None:
    provider = world(_SEED)
    followed = [(truth, follow(data, provider)) for data, truth in corpus(_SEED, _COUNT, provider)]
    wrong = [(truth, outcome) for truth, outcome in followed if not is_true(outcome, truth)]
    assert not wrong, wrong[:5]
    assert len({(truth.format, truth.found) for truth, _ in followed}) > 25
    assert len({truth.variant for truth, _ in followed}) == 17


def test_the_same_seed_gives_the_same_reports() -> None:
    assert list(corpus(1, 20)) == list(corpus(1, 20))
