"""Which gates do as the trial stands, and who is waited for."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sekisho.api.asker import Peer
from sekisho.api.trial_models import ActAnswer, ReasonRequest, TrialGateValue
from sekisho.cli.show_trial_status import act_text
from sekisho.daemon import trial_journal
from sekisho.daemon.trial_gates import gate_values, of_others, wait_for_others
from sekisho.store import Store, open_store
from sekisho.trial.obeying import HEARD_EVERY, SILENT, Obeying, outstanding
from sekisho.trial.standing import State
from tests.system.waiting import until
from tests.unit.trial_site import Site, day, site_on

NOW = datetime(2027, 4, 20, 3, tzinfo=UTC)
BEGUN = NOW - timedelta(seconds=1)
HERE = Obeying("tokyo-1", BEGUN, NOW)
PEER = Peer(uid=0, pid=1)
SEE_TO_IT = "its kernel keeps the limits that it had; see to its daemon, or to its way to the store"
WHY = ReasonRequest(reason="the router is hot")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_journal, "RETRY_SECONDS", 0.01)


@pytest.mark.parametrize(
    ("suspended", "ago", "is_outstanding"),
    [
        (None, timedelta(), True),
        (BEGUN - timedelta(hours=1), timedelta(), True),
        (BEGUN, timedelta(), False),
        (None, SILENT, True),
        (None, SILENT + timedelta(microseconds=1), False),
    ],
)
def test_waited_for_is_who_is_heard_of_and_obeys_something_else(
    suspended: datetime | None, ago: timedelta, is_outstanding: bool
) -> None:
    one = Obeying("osaka-1", suspended, NOW - ago)
    assert outstanding([one], BEGUN, NOW) == ((one,) if is_outstanding else ())


def test_a_gate_that_is_silent_obeys_nothing_that_is_known() -> None:
    silent = Obeying("osaka-1", BEGUN, NOW - 2 * SILENT)
    late = Obeying("kyoto-1", None, NOW)
    found = gate_values(BEGUN, HERE, (silent, late), ("tokyo-1", "nagoya-1"))
    assert [(one.name, one.obeys, one.heard, one.silent) for one in found] == [
        ("kyoto-1", False, NOW, False),
        ("nagoya-1", False, None, True),
        ("osaka-1", False, silent.heard, True),
        ("tokyo-1", True, NOW, False),
    ]


def told(*gates: TrialGateValue) -> list[str]:
    done = ActAnswer(name="spring", state=State.SUSPENDED, suspension=None, gates=gates)
    return act_text(done).splitlines()[1:]


def test_the_command_names_each_gate_where_there_are_several() -> None:
    late = Obeying("kyoto-1", None, NOW)
    silent = Obeying("osaka-1", BEGUN, NOW - timedelta(hours=1))
    assert told(*gate_values(BEGUN, HERE, (), ())) == []
    assert told(*gate_values(BEGUN, HERE, (late, silent), ("nagoya-1",))) == [
        "  kyoto-1: not yet, heard last 2027-04-20 03:00:00+00:00: ask `trial status` again",
        "  nagoya-1: never heard of: start its daemon",
        f"  osaka-1: not known, heard last 2027-04-20 02:00:00+00:00: {SEE_TO_IT}",
        "  tokyo-1: obeys",
    ]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'store.db'}")


def put(store: Store, *gates: Obeying) -> None:
    with store.transaction() as transaction:
        for one in gates:
            transaction.put_obeying("spring", one)


def test_the_answer_comes_when_the_last_that_is_heard_of_obeys(store: Store) -> None:
    obeys = Obeying("osaka-1", BEGUN, NOW)
    put(store, HERE, Obeying("osaka-1", None, NOW), Obeying("kyoto-1", None, NOW - 2 * SILENT))
    found: list[tuple[Obeying, ...]] = []
    waits = threading.Thread(
        target=lambda: found.append(wait_for_others(store, "spring", HERE, lambda: NOW, longest=60))
    )
    waits.start()
    assert not found
    put(store, obeys)
    waits.join()
    assert found == [(Obeying("kyoto-1", None, NOW - 2 * SILENT), obeys)]
    store.close()


def test_nobody_is_waited_for_longer_than_is_said(store: Store) -> None:
    late = Obeying("osaka-1", None, NOW)
    put(store, late)
    assert wait_for_others(store, "spring", HERE, lambda: NOW, longest=0) == (late,)
    store.close()


def obeyed(site: Site) -> list[tuple[str, datetime | None]]:
    return [(one.gate, one.suspended) for one in of_others(site.store, "spring", "nobody")]


def test_what_the_kernel_obeys_is_written_when_that_changes_and_each_minute(tmp_path: Path) -> None:
    with site_on(tmp_path, 3) as site:
        site.start()
        name = site.keeper.kept.config.gate.name
        until(lambda: obeyed(site) == [(name, None)])
        done = site.office.suspend(WHY, PEER)
        assert [(one.name, one.obeys) for one in done.gates or ()] == [(name, True)]
        until(lambda: obeyed(site) == [(name, site.now)])
        heard = site.now
        site.pass_to(heard + HEARD_EVERY)
        until(lambda: of_others(site.store, "spring", "nobody")[0].heard == heard + HEARD_EVERY)
        site.office.resume(WHY, PEER)
        until(lambda: obeyed(site) == [(name, None)])


def test_the_answer_tells_of_another_gate_of_the_store(tmp_path: Path) -> None:
    with site_on(tmp_path, 3) as site:
        site.start()
        with site.store.transaction() as transaction:
            transaction.put_obeying("spring", Obeying("osaka-1", site.now, site.now))
            transaction.put_obeying("spring", Obeying("kyoto-1", None, day(1)))
        done = site.office.suspend(WHY, PEER)
        others = [(one.name, one.obeys, one.silent) for one in done.gates or () if one.name != "gate"]
        assert ("osaka-1", True, False) in others
        assert ("kyoto-1", False, True) in others
        assert site.office.status().gates == done.gates


def test_with_the_store_away_nothing_is_told_of_gates(tmp_path: Path) -> None:
    with site_on(tmp_path, 3) as site:
        site.start()
        site.store.is_away = True
        done = site.office.suspend(WHY, PEER)
        assert done.not_durable is not None
        assert done.gates is None
        assert site.office.status().gates is None
