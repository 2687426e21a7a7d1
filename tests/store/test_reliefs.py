"""Reliefs, and orders to keep evidence."""

from __future__ import annotations

from dataclasses import replace

from sekisho.lines.records import EvidenceHold, Relief
from sekisho.model import PortPlan
from sekisho.store import Store
from tests.store.values import at

RELIEF = Relief(1, at(0), at(10), "root", "own mail server")
HOLD = EvidenceHold(1, at(0), "officer", "case 7")


def test_a_relief_holds_from_its_begin_until_its_end(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.add_relief(RELIEF)
        transaction.add_relief(RELIEF._replace(line=2, since=at(5)))
    with store.reading() as transaction:
        assert transaction.relieved([1, 2, 3], at(-0.001)) == frozenset()
        assert transaction.relieved([1, 2, 3], at(0)) == {1}
        assert transaction.relieved([1, 2, 3], at(9.999)) == {1, 2}
        assert transaction.relieved([1, 2, 3], at(10)) == frozenset()
        assert transaction.reliefs(at(5)) == (RELIEF, RELIEF._replace(line=2, since=at(5)))
        assert transaction.relief(1, at(5)) == RELIEF
        assert transaction.relief(3, at(5)) is None


def test_a_relief_can_be_ended_once(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.add_relief(RELIEF)
        assert transaction.end_relief(1, at(3), "desk")
        assert not transaction.end_relief(1, at(4), "desk")
        assert not transaction.end_relief(2, at(4), "desk")
    with store.reading() as transaction:
        assert transaction.relief(1, at(2)) == RELIEF
        assert transaction.relief(1, at(3)) is None


def test_another_relief_takes_the_place_of_the_one_before(store: Store) -> None:
    longer = RELIEF._replace(since=at(4), until=at(100), reason="still moving")
    with store.transaction() as transaction:
        transaction.add_relief(RELIEF)
        transaction.add_relief(longer)
    with store.reading() as transaction:
        assert transaction.reliefs(at(5)) == (longer,)
        assert transaction.relief(1, at(3)) == RELIEF


def test_lines_that_were_released_in_a_span_are_counted_once(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.add_relief(RELIEF._replace(until=at(4)))
        transaction.add_relief(RELIEF._replace(since=at(6), until=at(8)))
        transaction.add_relief(RELIEF._replace(line=2, since=at(5)))
        assert transaction.end_relief(2, at(7), "desk")
    with store.reading() as transaction:
        spans = ((0, 10), (4, 5), (4, 5.001), (5, 6.001), (7, 20), (8, 20), (-5, 0))
        counts = [transaction.released_in(at(begin), at(end)) for begin, end in spans]
        assert counts == [2, 0, 1, 2, 1, 0, 0]


def test_an_order_to_keep_evidence_stands_until_it_is_withdrawn(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.hold_evidence(HOLD)
        transaction.hold_evidence(HOLD._replace(line=2, since=at(1)))
        transaction.hold_evidence(HOLD._replace(since=at(2), reason="case 8"))
        assert [one.line for one in transaction.evidence_holds()] == [1, 2, 1]
        assert transaction.release_evidence(1, at(5), "officer")
        assert not transaction.release_evidence(1, at(6), "officer")
        assert transaction.evidence_holds() == (HOLD._replace(line=2, since=at(1)),)


def test_how_an_address_was_shared_at_a_moment(store: Store) -> None:
    one, other = PortPlan("dynamic", offset=6, length=8), PortPlan("dynamic", first=1024, size=1008)
    network, second = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
    with store.transaction() as transaction:
        for begin, plans in ((0, {network: one}), (10, {network: one, second: one}), (20, {second: other})):
            transaction.set_port_plans(plans, at(begin))
        moments = (-5, 0, 19, 20)
        assert [transaction.port_plan(network, at(moment)) for moment in moments] == [one, one, one, None]
        assert [transaction.port_plan(second, at(moment)) for moment in moments] == [one, one, one, other]
        assert transaction.port_plan(bytes([192, 0, 2, 3]), at(0)) is None
        assert transaction.port_plans() == {second: other}
        transaction.set_port_plans({second: replace(other, class_name="fixed")}, at(30))
        assert transaction.port_plans() == {second: replace(other, class_name="fixed")}
