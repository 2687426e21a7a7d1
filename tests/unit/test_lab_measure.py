"""The laboratory's figures, from samples made by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.lab import measure
from sekisho.lab.measure import GateCounts, Letter, Quantiles, Reading, Span
from sekisho.lab.phases import Phase
from sekisho.lab.receipts import Receipt
from sekisho.model import Limit, Mode

OBSERVE = Phase("observe", Limit(Mode.OBSERVE, 2, 5_000), 3, 60)
ENFORCE = Phase("enforce", Limit(Mode.ENFORCE, 2, 5_000), 7, 60)
BOTS = {"bot-1": 10, "bot-2": 20}


def span(phase: Phase, start: float, end: float) -> Span:
    before = Reading(start, 100, GateCounts(10, 20, 30))
    after = Reading(end, 100 + 60, GateCounts(15, 120, 35))
    return Span(phase, before, after)


def spam(line: str, *moments: float) -> list[Receipt]:
    return [Receipt(line, None, at) for at in moments]


def letter(name: str, written: float, *, exempt: bool = False) -> Letter:
    return Letter(name, name.rpartition("-")[0], exempt, written)


def test_spam_counts_where_it_arrives_and_is_set_beside_the_arithmetic() -> None:
    # 10 sessions at 300 a minute last 2 s each: N/(D+T) is 2/(5+2) a second.
    observed = spam("bot-1", *(at * 0.2 for at in range(300)))
    enforced = spam("bot-1", *(100 + at for at in range(15)), 99.9, 160.0)
    spans = [span(OBSERVE, 0, 60), span(ENFORCE, 100, 160)]
    first, second = measure.figures(spans, observed + enforced, [], set(), BOTS)
    assert first.spam.messages_per_minute == 300
    assert first.spam.sessions_per_minute == 60
    assert first.spam.share_of_observe is None
    assert first.spam.arithmetic_per_minute is None
    assert second.spam.messages_per_minute == 15
    assert second.spam.share_of_observe == pytest.approx(0.05)
    assert second.spam.arithmetic_per_minute == pytest.approx(60 * 2 / 7)
    silent = second.spam.lines[1]
    assert (silent.line, silent.messages_per_minute, silent.arithmetic_per_minute) == ("bot-2", 0, None)


def test_the_gate_counts_are_those_of_the_span() -> None:
    (found,) = measure.figures([span(OBSERVE, 0, 30)], [], [], set(), BOTS)
    assert found.gate == GateCounts(admitted=5, refused=100, held=5)
    assert found.seconds == 30


def test_a_letter_counts_in_the_phase_in_which_it_was_written() -> None:
    letters = [letter("home-0", 59), letter("home-1", 70), letter("home-2", 110)]
    arrived = [Receipt("home", f"home-{n}", at) for n, at in enumerate((65, 77, 118))]
    spans = [span(OBSERVE, 0, 60), span(ENFORCE, 100, 160)]
    first, second = measure.figures(spans, arrived, letters, set(), BOTS)
    assert first.honest.delivered == second.honest.delivered == 1
    assert first.honest.delivery_seconds == Quantiles(6, 6)
    assert second.honest.delivery_seconds == Quantiles(8, 8)
    assert second.honest.messages_per_minute == 1


def test_what_never_arrived_and_what_its_program_called_a_failure_has_failed() -> None:
    letters = [letter("home-0", 1), letter("home-1", 2), letter("home-2", 3)]
    arrived = [Receipt("home", "home-0", 4), Receipt("home", "home-1", 5)]
    (found,) = measure.figures([span(OBSERVE, 0, 60)], arrived, letters, {"home-1"}, BOTS)
    assert (found.honest.delivered, found.honest.failed) == (1, 2)
    in_all = measure.letters_in_all(letters, arrived, {"home-1"}, "a status=deferred (x)\nb status=sent\n", 3)
    assert in_all == measure.Letters(3, 1, 2, 1, 0, 3)


def test_letters_to_the_own_server_do_not_flatter_the_delivery_times() -> None:
    letters = [letter("own-0", 1, exempt=True), letter("home-0", 1)]
    arrived = [Receipt("own", "own-0", 2), Receipt("home", "home-0", 9)]
    (found,) = measure.figures([span(OBSERVE, 0, 60)], arrived, letters, set(), BOTS)
    assert found.honest.delivery_seconds == Quantiles(8, 8)
    own = next(sender for sender in found.honest.senders if sender.line == "own")
    assert (own.exempt, own.delivered, own.delivery_seconds) == (True, 1, Quantiles(1, 1))


def test_a_line_with_fewer_sessions_than_its_cap_is_slowed_by_the_delay_alone() -> None:
    limit = Limit(Mode.ENFORCE, 10, 5_000)
    assert measure.most_per_minute(limit, 1, 1.0) == 10
    assert measure.most_per_minute(limit, 30, 1.0) == 100


def test_rates_are_those_of_the_last_seconds() -> None:
    receipts = [*spam("bot-1", 80, 91, 92, 93), Receipt("home", "home-0", 95)]
    assert measure.rates(receipts, now=100, seconds=10) == (18, 6)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_quantiles_are_values_that_were_measured(values: list[float]) -> None:
    found = measure.quantiles(values)
    assert found.p50 in values
    assert found.p95 in values
    assert found.p50 is not None
    assert sum(value <= found.p50 for value in values) * 2 >= len(values)


def test_without_values_there_are_no_quantiles() -> None:
    assert measure.quantiles([]) == Quantiles(None, None)


def test_the_timeline_loses_no_arrival_inside_the_run() -> None:
    receipts = [*spam("bot-1", 9.9, 10, 11.9, 12, 19.9, 20), Receipt("home", "home-0", 13)]
    found = measure.timeline(receipts, [("observe", 10), ("enforce", 14)], 20, 2)
    assert found.spam == (2, 1, 0, 0, 1)
    assert found.honest == (0, 1, 0, 0, 0)
    assert found.begins == (("observe", 0), ("enforce", 2))
