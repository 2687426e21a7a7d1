"""How many lines had which most sessions at once, kept by gate and span."""

from __future__ import annotations

from dataclasses import replace

from sekisho.model import ClassPeaks, Peaks
from sekisho.store import Store
from tests.store.values import at

FIRST = Peaks(at(0), at(3_600), {("dynamic", 0): ClassPeaks((40, 12, 0, 3), 2), ("fixed", 1): ClassPeaks()})
SECOND = Peaks(at(3_600), at(7_200), {("dynamic", 0): ClassPeaks((1,), 0)})


def test_spans_are_told_in_their_order_and_by_gate(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put_peaks("kyoto", SECOND)
        transaction.put_peaks("kyoto", FIRST)
        transaction.put_peaks("osaka", replace(FIRST, classes=SECOND.classes))
    with store.reading() as transaction:
        assert list(transaction.peaks(at(0), at(7_200), "kyoto")) == [FIRST, SECOND]
        assert list(transaction.peaks(at(1), at(3_600), "kyoto")) == []
        assert list(transaction.peaks(at(0), at(1), "kyoto")) == [FIRST]


def test_a_span_that_is_stored_again_is_there_once(store: Store) -> None:
    for _ in range(2):
        with store.transaction() as transaction:
            transaction.put_peaks("kyoto", FIRST)
    with store.reading() as transaction:
        assert list(transaction.peaks(at(0), at(1), "kyoto")) == [FIRST]
