"""Reports of all formats, from bytes to the line: nobody is accused by mistake, and no doubt is hidden."""

from __future__ import annotations

from collections import Counter

from sekisho.desk.attribute import Asked, Found, Outcome, prepare, settle
from sekisho.desk.parse import parse
from sekisho.desk.report import Refusal
from tests.desk.corpus import Truth, corpus
from tests.desk.world import NOW, World, world

_SEED, _COUNT = 20_261_125, 1_500


def follow(data: bytes, provider: World) -> Outcome | Refusal:
    """Take a report of one incident the whole way."""
    report = parse(data)
    if isinstance(report, Refusal):
        return report
    (incident,) = report.incidents
    asked = prepare(report.feedback, incident, provider.ours, NOW)
    if not isinstance(asked, Asked):
        return asked
    return settle(asked, {question: provider.answer(question) for question in asked.questions})


def test_every_report_comes_to_what_is_true_of_it() -> None:
    provider = world(_SEED)
    wrong: list[tuple[Truth, Outcome | Refusal]] = []
    seen: Counter[str] = Counter()
    for data, truth in corpus(_SEED, _COUNT, provider):
        outcome = follow(data, provider)
        seen[f"{truth.format}, {truth.found}"] += 1
        if isinstance(outcome, Refusal):
            is_right = truth.found is None
        else:
            is_right = outcome.found is truth.found and (
                truth.found is not Found.ATTRIBUTED
                or (outcome.line, outcome.moment) == (truth.line, truth.at)
            )
        if not is_right:
            wrong.append((truth, outcome))
    assert not wrong, wrong[:5]
    assert len(seen) > 25
