"""Each line's most sessions at once: counted at the turn, then forgotten; by kernel program and model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sekisho.gate import abi
from sekisho.model import Mode
from tests.kernel.cases import LINE, syn_frame
from tests.kernel.conftest import example
from tests.kernel.session import Session
from tests.kernel.twin import SECOND, Twin, twin

DAY = 24 * 3600 * SECOND


def flood(gate: Twin, line: str, sessions: int) -> None:
    for port in range(1024, 1024 + sessions):
        gate.receive(syn_frame(line=line, port=port))


def lines_by_peak(gate: Twin, name: str = "dynamic") -> dict[int, int]:
    """Peaks up to 16 have buckets of their own."""
    peaks = gate.peaks.counted().get((name, 0))
    return {} if peaks is None else {n + 1: lines for n, lines in enumerate(peaks.lines[:16]) if lines}


def test_lines_are_counted_by_the_most_sessions_each_had_at_once(gate: Twin) -> None:
    flood(gate, "100.64.0.1", 1)
    flood(gate, "100.64.0.2", 2)
    flood(gate, "100.64.0.3", 2)
    gate.turn()
    assert lines_by_peak(gate) == {1: 1, 2: 2}


def test_a_peak_outlasts_its_sessions_but_not_the_turn(gate: Twin) -> None:
    flood(gate, LINE, 2)
    gate.tick(600 * SECOND)
    gate.sweep()
    assert not gate.kernel_sessions()
    gate.turn()
    assert lines_by_peak(gate) == {2: 1}
    assert not gate.kernel_peaks()
    gate.peaks.forget()
    gate.model.folded.clear()
    gate.turn()
    assert lines_by_peak(gate) == {}


def test_a_session_open_at_the_turn_counts_for_the_time_after_it_too(gate: Twin) -> None:
    Session(gate).open()
    for _ in range(3):
        gate.turn()
    assert lines_by_peak(gate) == {1: 3}


def test_a_line_that_met_its_cap_is_counted_once_a_turn(gate: Twin) -> None:
    flood(gate, LINE, 20)
    flood(gate, "100.64.0.2", 3)  # all that its cap allows
    gate.turn()
    assert gate.peaks.counted()["dynamic", 0].met_cap == 1
    assert lines_by_peak(gate) == {3: 2}


def test_while_observing_peaks_go_beyond_the_cap_and_nobody_meets_it(gate: Twin) -> None:
    gate.set_limit("dynamic", mode=Mode.OBSERVE, cap=2)
    flood(gate, LINE, 40)
    gate.turn()
    peaks = gate.peaks.counted()["dynamic", 0]
    assert peaks.met_cap == 0
    assert peaks.lines[abi.concurrency_bucket(40)] == 1


def test_a_line_whose_cap_is_zero_is_none_that_met_it(gate: Twin) -> None:
    gate.set_limit("dynamic", cap=0)
    flood(gate, LINE, 3)
    gate.turn()
    peaks = gate.peaks.counted()["dynamic", 0]
    assert (peaks.met_cap, sum(peaks.lines)) == (0, 0)


def test_when_a_line_met_its_cap_is_known_for_a_day(gate: Twin) -> None:
    flood(gate, LINE, 20)
    (met_at,) = gate.kernel_met_cap().values()
    assert met_at == gate.now
    gate.tick(DAY - 1)
    gate.turn()
    assert len(gate.kernel_met_cap()) == 1
    gate.tick(1)
    gate.turn()
    assert not gate.kernel_met_cap()


def test_more_lines_than_there_is_room_for_are_told_and_limited_all_the_same() -> None:
    with twin(example(), lines=8, slots=64) as gate:
        for host in range(40):
            line = f"100.64.1.{host}"
            flood(gate, line, 1)
            gate.tick(600 * SECOND)
            gate.sweep()
        totals = gate.kernel_totals()
        assert totals["peaks_full"] == 40 - len(gate.kernel_peaks()) > 0
        assert not totals["lines_full"]
        gate.compare()


def test_lines_are_folded_some_at_a_time() -> None:
    lines = 5_000
    with twin(example(), lines=lines, slots=8_192) as gate:
        for number in range(lines):
            flood(gate, f"100.64.{number >> 8}.{number & 255}", 1)
        gate.peaks.turn(datetime.fromtimestamp(gate.now // SECOND, UTC))
        assert lines_by_peak(gate) == {}
        assert gate.peaks.fold()
        assert 0 < lines_by_peak(gate)[1] < lines
        assert gate.peaks.fold()
        assert not gate.peaks.fold()
        assert lines_by_peak(gate) == {1: lines}
        gate.model.turn(gate.now)
        gate.compare()


def test_what_is_folded_has_its_span_until_it_is_forgotten(gate: Twin) -> None:
    begin = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)
    gate.peaks.begin(begin)
    assert gate.peaks.since() == begin
    assert gate.peaks.folded() is None
    flood(gate, LINE, 1)
    gate.peaks.turn(begin + timedelta(minutes=30))
    assert gate.peaks.fold()
    gate.model.turn(gate.now)
    folded = gate.peaks.folded()
    assert folded is not None
    assert (folded.since, folded.until) == (begin, begin + timedelta(minutes=30))
    assert sum(folded.classes["dynamic", 0].lines) == 1
    gate.peaks.begin(begin + timedelta(hours=5))
    assert gate.peaks.since() == begin + timedelta(minutes=30)
    gate.peaks.forget()
    gate.model.folded.clear()
    assert gate.peaks.folded() is None
    assert lines_by_peak(gate) == {}


def test_lines_are_counted_by_their_class_and_arm(gate: Twin) -> None:
    for line in ("100.64.0.1", "100.66.0.1", "100.66.0.2", "100.64.99.1"):
        flood(gate, line, 1)
    gate.turn()
    counted = {key: sum(peaks.lines) for key, peaks in gate.peaks.counted().items()}
    assert {key: lines for key, lines in counted.items() if lines} == {
        ("dynamic", 0): 1,
        ("observed", 0): 2,
        ("observed", 1): 1,
    }
