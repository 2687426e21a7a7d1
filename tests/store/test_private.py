"""Counts with noise in the store: one answer each, and one budget for all, whoever asks how often."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from statistics import mean

import pytest

from sekisho.config import Config
from sekisho.measure.judge import NotPublishableError
from sekisho.model import ClassPeaks, Peaks
from sekisho.reporting.private import Released, last_hour, release_peaks
from sekisho.reporting.recorded import Recording
from sekisho.store import open_store
from tests.unit.configuring import good
from tests.unit.keeping import TEXT

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EPSILON = 0.5
FEW = ("dynamic", "65 or more")
Ask = Callable[..., Released]


@pytest.fixture
def ask(url: str) -> Ask:
    """Ask a store for the hour that was over last; on ten days that at noon has two lines of 65 or more."""
    store = open_store(url)
    with store.transaction() as transaction:
        for day in range(10):
            begin = NOON + day * DAY
            lines = ClassPeaks((300, 90, *[0] * 18, 2))
            for gate in ("gate", "other"):
                transaction.put_peaks(gate, Peaks(begin, begin + HOUR, {("dynamic", 0): lines}))
    store.close()

    def ask(day: int = 0, epsilon: float = EPSILON, gate: str = "gate", budget: float = 2.0) -> Released:
        config = configured(url, gate, budget)
        assert config.private is not None
        now = NOON + day * DAY + 3 * HOUR
        return release_peaks(config, config.private, epsilon, Recording(url, now, "hanako"))

    return ask


def configured(url: str, gate: str, budget: float) -> Config:
    text = TEXT.replace("[gate]", f'[gate]\nname = "{gate}"')
    return good(f'{text}\n[store]\nurl = "{url}"\n[private]\nbudget = {budget}\nhour = 12\n')


def test_what_is_asked_often_cannot_be_averaged_out(ask: Ask, url: str) -> None:
    """The attack: many requests, with this epsilon and others, each opening the store anew."""
    answers = [ask(epsilon=epsilon) for epsilon in (EPSILON, *[0.01, 5.0] * 3, *[EPSILON] * 6)]
    assert {tuple(one.kept.release.counts.items()) for one in answers} == {
        tuple(answers[0].kept.release.counts.items())
    }
    assert mean(one.kept.release.counts[FEW] for one in answers) == answers[0].kept.release.counts[FEW]
    assert {(one.spent, one.kept.release.epsilon, one.kept.by) for one in answers} == {
        (EPSILON, EPSILON, "hanako")
    }
    store = open_store(url)
    with store.transaction() as transaction:  # counted otherwise meanwhile: the answer stays
        transaction.put_peaks("gate", Peaks(NOON, NOON + HOUR, {("dynamic", 0): ClassPeaks((9_000,))}))
    store.close()
    assert ask().kept == answers[0].kept


def test_the_budget_is_one_for_all_days_and_gates_of_a_store(ask: Ask, url: str) -> None:
    answers = [ask(0), ask(0, gate="other"), ask(1), ask(2)]
    assert [one.spent for one in answers] == [0.5, 1.0, 1.5, 2.0]
    for gate in ("gate", "other"):
        with pytest.raises(NotPublishableError, match="2 of 2 is spent; what was released stays"):
            ask(3, epsilon=0.01, gate=gate)
    assert ask(1).kept == answers[2].kept
    store = open_store(url)
    with store.reading() as transaction:
        assert [one.release.epsilon for one in transaction.private_releases()] == [EPSILON] * 4
    store.close()


def test_those_who_ask_at_once_get_one_answer_and_no_more_than_the_budget(ask: Ask) -> None:
    with ThreadPoolExecutor(4) as many:
        same = list(many.map(lambda _: ask(0), range(8)))
        assert len({tuple(one.kept.release.counts.items()) for one in same}) == 1

        def tried(day: int) -> float | None:
            try:
                return ask(day).kept.release.epsilon
            except NotPublishableError:
                return None

        assert sorted(filter(None, many.map(tried, range(1, 10)))) == [EPSILON] * 3


def test_an_hour_that_was_not_counted_as_a_whole_has_none_and_costs_nothing(ask: Ask, url: str) -> None:
    store = open_store(url)
    with store.transaction() as transaction:
        late = NOON + 20 * DAY + timedelta(minutes=1)
        transaction.put_peaks("gate", Peaks(late, NOON + 20 * DAY + HOUR, {("dynamic", 0): ClassPeaks((9,))}))
    store.close()
    for day in (20, 21):
        with pytest.raises(NotPublishableError, match="is not counted as a whole at gate 'gate'"):
            ask(day)
    assert ask(0).spent == EPSILON


@pytest.mark.parametrize(
    ("now", "begin"),
    [
        (NOON + HOUR, NOON),
        (NOON + HOUR - timedelta(seconds=1), NOON - DAY),
        (NOON - 5 * HOUR, NOON - DAY),
    ],
)
def test_the_hour_follows_from_the_clock_alone(now: datetime, begin: datetime) -> None:
    assert last_hour(12, now) == begin
