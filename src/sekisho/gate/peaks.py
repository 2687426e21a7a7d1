"""The most sessions that each line had at once, by the hour: turned, folded into sums, and forgotten.

The kernel keeps peaks on one of two sides. After a turn packets write to the other side, and the one that
they have left is folded: lines are counted by their peak, and removed, some at a time, as no packet passes
on the processor that does it. What is folded stays, with its span, until `forget`; so whoever reads it may do
that once it is stored, and a daemon that ends in between loses nothing.
No line's own peak is ever read from here; only when it last met its cap can be asked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sekisho.gate import abi, bpf
from sekisho.gate.counts import OF_CLASS, added, arms_by_class, read_sent
from sekisho.model import ClassPeaks, Peaks, Sent, Stage, stage_arms

_FIRST: Final = bytes(4)
_U64_SIZE: Final = 8
_ANY_PACKET: Final = bytes(64)
_sides = struct.Struct(abi.PEAK_SIDES.format)


class _Sides(NamedTuple):
    """peak_sides[0]; times in seconds of the Unix epoch, 0 where there is none."""

    odd: int
    since: int
    folded_since: int
    folded_until: int


@dataclass(frozen=True, slots=True)
class KernelPeaks:
    """The peaks of an open gate: its maps by name and the program that folds. All raise OSError."""

    maps: Mapping[str, int]
    fold_program: int

    def since(self) -> datetime | None:
        """Return when the sides were last turned; None for a new gate."""
        since = self._sides().since
        return datetime.fromtimestamp(since, UTC) if since else None

    def begin(self, now: datetime) -> None:
        """Begin the first span of a new gate."""
        if not self._sides().since:
            self._write(_Sides(0, int(now.timestamp()), 0, 0))

    def turn(self, now: datetime) -> None:
        """End a span at `now`, to be folded next. What was folded before must have been forgotten."""
        sides, at = self._sides(), int(now.timestamp())
        self._write(_Sides(1 - sides.odd, at, sides.since, at))

    def fold(self) -> bool:
        """Fold some of the lines that a turn has left; return whether there may be more."""
        return bpf.run_packet(self.fold_program, _ANY_PACKET).retval > 0

    def folded(self) -> Peaks | None:
        """Return what was folded; None where nothing was since `forget`, or its span is not known."""
        sides = self._sides()
        if not 0 < sides.folded_since < sides.folded_until:
            return None
        since, until = (datetime.fromtimestamp(at, UTC) for at in (sides.folded_since, sides.folded_until))
        return Peaks(since, until, self.counted(), self.stages())

    def forget(self) -> None:
        """Clear what was folded, its span first: sums without one are nobody's."""
        self._write(self._sides()._replace(folded_since=0, folded_until=0))
        fd = self.maps["folded_peaks"]
        sums = bpf.read_all(fd)
        bpf.update_batch(fd, b"".join(sums), bytes(len(sums) * abi.FOLDED_PEAKS.size))

    def met_cap(self, line: int) -> int | None:
        """Return when a known line last met its cap (CLOCK_MONOTONIC ns), as far back as a day."""
        try:
            (at,) = struct.unpack(abi.U64, bpf.lookup(self.maps["met_cap"], abi.pack_line(line), _U64_SIZE))
        except KeyError:
            return None
        return int(at)

    def counted(self) -> dict[tuple[str, int], ClassPeaks]:
        """Return what was folded since `forget`, all of a class in its first arm."""
        return {
            (name, 0): _class_peaks(arms[arm] for arm in OF_CLASS)
            for name, arms in arms_by_class(self.maps, abi.FOLDED_PEAKS).items()
        }

    def sent(self) -> dict[tuple[str, Stage], tuple[Sent, ...]]:
        """Return what lines with open cases have sent, by class and stage, in the parts of the stage."""
        return read_sent(self.maps)

    def stages(self) -> dict[tuple[str, Stage], int]:
        """Return how many lines were folded that began sessions in each stage, at least."""
        return {
            (name, stage): sum(_class_peaks(arms[arm] for arm in stage_arms(stage)).lines)
            for name, arms in arms_by_class(self.maps, abi.FOLDED_PEAKS).items()
            for stage in Stage
        }

    def _sides(self) -> _Sides:
        return _Sides(*_sides.unpack(bpf.lookup(self.maps["peak_sides"], _FIRST, _sides.size)))

    def _write(self, sides: _Sides) -> None:
        bpf.update(self.maps["peak_sides"], _FIRST, _sides.pack(*sides))


def _class_peaks(values: Iterable[bytes]) -> ClassPeaks:
    *lines, met_cap = added(values, abi.FOLDED_PEAKS)
    return ClassPeaks(tuple(lines), met_cap)
