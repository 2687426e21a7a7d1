"""How many lines had which most sessions at once, kept by gate and span."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sekisho.model import Active, ClassPeaks, Peaks
from sekisho.store import Store
from tests.store.values import at

FIRST = Peaks(
    at(0),
    at(3_600),
    {
        ("dynamic", 0): ClassPeaks((40, 12, 0, 3), 2),
        ("dynamic", 1): ClassPeaks((5,), 1),
        ("fixed", 1): ClassPeaks(),
    },
)
SECOND = Peaks(at(3_600), at(7_200), {("dynamic", 0): ClassPeaks((1,), 0)})


def test_spans_are_told_in_their_order_and_by_gate(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put_peaks("kyoto", SECOND)
        transaction.put_peaks("kyoto", FIRST)
        transaction.put_peaks("osaka", replace(FIRST, classes=SECOND.classes))
    with store.reading() as transaction:
        assert transaction.active_lines(at(0), at(7_200), "kyoto") == [
            Active(at(0), at(3_600), "dynamic", 60, 3),
            Active(at(0), at(3_600), "fixed", 0, 0),
            Active(at(3_600), at(7_200), "dynamic", 1, 0),
        ]
        assert transaction.active_lines(at(1), at(3_600), "kyoto") == []
        assert transaction.peaks_since(at(0), "kyoto") == FIRST
        assert transaction.peaks_since(at(0), "osaka").classes == SECOND.classes
        with pytest.raises(ValueError, match="no span"):
            transaction.peaks_since(at(1), "kyoto")


def test_a_span_that_is_stored_again_is_there_once(store: Store) -> None:
    for _ in range(2):
        with store.transaction() as transaction:
            transaction.put_peaks("kyoto", FIRST)
    with store.reading() as transaction:
        assert len(transaction.active_lines(at(0), at(1), "kyoto")) == 2
        assert transaction.peaks_since(at(0), "kyoto") == FIRST
