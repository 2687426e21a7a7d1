"""Each line's most sessions at once: counted at the turn, then forgotten; by kernel program and model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sekisho.gate import abi
from sekisho.model import Address, KnownLine, Mode, RosterChange, Stage, stage_arm
from tests.kernel.cases import LINE, syn_frame
from tests.kernel.conftest import example, packed
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


def test_lines_are_counted_by_their_class(gate: Twin) -> None:
    for line in ("100.64.0.1", "100.66.0.1", "100.66.0.2"):
        flood(gate, line, 1)
    gate.turn()
    counted = {key: sum(peaks.lines) for key, peaks in gate.peaks.counted().items()}
    assert {key: lines for key, lines in counted.items() if lines} == {("dynamic", 0): 1, ("observed", 0): 2}


def report(gate: Twin, lines: range, stage: Stage) -> None:
    """Let the cases of lines come to a stage, each with the address 100.64.0.<number>."""
    gate.change(
        RosterChange(
            {line: KnownLine("dynamic", counted=stage_arm(stage, line)) for line in lines},
            {Address(packed(f"100.64.0.{line}"), 32): line for line in lines},
        )
    )


def test_lines_with_open_cases_are_counted_with_their_class_and_by_stage_beside(gate: Twin) -> None:
    report(gate, range(20, 29), Stage.REPORTED)
    report(gate, range(40, 42), Stage.ASKED)
    for line in (1, *range(20, 29), 40, 41):
        flood(gate, f"100.64.0.{line}", 3)
    assert gate.told().classes["dynamic", 0].admitted == 3 * 12
    sent = gate.peaks.sent()
    assert sorted(one.sessions for one in sent["dynamic", Stage.REPORTED]) == [3, 3, 3, 3, 3, 6, 6]
    assert sum(one.sessions for one in sent["dynamic", Stage.ASKED]) == 6
    assert sum(one.sessions for one in sent["fixed", Stage.ASKED]) == 0
    gate.turn()
    assert lines_by_peak(gate) == {3: 12}
    stages = gate.peaks.stages()
    assert (stages["dynamic", Stage.REPORTED], stages["dynamic", Stage.ASKED]) == (9, 2)


def test_a_stage_has_no_line_that_begins_no_session_in_it(gate: Twin) -> None:
    """What is open at the turn is its class's, and the class has it."""
    report(gate, range(20, 22), Stage.REPORTED)
    for line in (20, 21):
        flood(gate, f"100.64.0.{line}", 1)
    gate.turn()
    gate.peaks.forget()
    gate.model.folded.clear()
    flood(gate, "100.64.0.21", 2)
    gate.turn()
    assert lines_by_peak(gate) == {1: 1, 2: 1}
    assert gate.peaks.stages()["dynamic", Stage.REPORTED] == 1


def test_octets_are_those_of_the_line_in_sessions_that_began_in_the_stage(gate: Twin) -> None:
    before = Session(gate, line="100.64.0.20", port=30_000).open()
    report(gate, range(20, 21), Stage.ASKED)
    assert not any(sum(gate.peaks.sent()["dynamic", Stage.ASKED], ()))
    began = Session(gate, line="100.64.0.20", port=31_000).open()
    out = sum(one.octets for one in gate.peaks.sent()["dynamic", Stage.ASKED])
    before.close()
    assert sum(one.octets for one in gate.peaks.sent()["dynamic", Stage.ASKED]) == out > 0
    began.close()
    assert sum(one.octets for one in gate.peaks.sent()["dynamic", Stage.ASKED]) > out
