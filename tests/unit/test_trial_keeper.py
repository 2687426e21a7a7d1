"""The gate follows the trial: with a clock, a store and a gate of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sekisho.api.app import Peer
from sekisho.api.problems import RefusalError
from sekisho.api.trial_models import ReasonRequest, Registration
from sekisho.daemon import trial_journal
from sekisho.gate import GateError
from sekisho.model import Limit, Mode
from sekisho.store import Transaction
from sekisho.trial.events import Event, What
from sekisho.trial.plan import observing
from sekisho.trial.standing import State
from tests.system.waiting import until
from tests.unit.keeping import TEXT
from tests.unit.trial_site import OWN, PHASE, Site, day, site_on

PEER = Peer(uid=0, pid=1)
PHASE_2 = {**OWN, "dynamic": observing(OWN["dynamic"])}
OBSERVED = {name: observing(limit) for name, limit in OWN.items()}
WHY = ReasonRequest(reason="the router is hot")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_journal, "RETRY_SECONDS", 0.01)


def test_the_gate_follows_each_boundary_and_in_time_tells_nothing(tmp_path: Path) -> None:
    with site_on(tmp_path, 2) as site:
        site.start()
        assert site.in_kernel == OWN
        for now, limits in ((day(3), PHASE), (day(4), PHASE_2), (day(5), OWN), (day(31), OWN)):
            site.pass_to(now)
            until(partial(follows, site, limits))
        site.trial.stop()
        assert site.events() == []
        site.started = False


def follows(site: Site, limits: Mapping[str, Limit]) -> bool:
    return site.in_kernel == limits


def test_a_boundary_that_is_followed_late_is_in_the_log(tmp_path: Path) -> None:
    with site_on(tmp_path, 2) as site:
        site.start()
        site.pass_to(day(3) + timedelta(seconds=90))
        until(lambda: site.kinds() == [What.FOLLOWED_LATE])
        assert site.in_kernel == PHASE
        assert site.events()[0][1] == "what was to change at 2026-04-03T00:00:00Z changed 90.0 s later"


def test_a_clock_that_is_set_is_followed_both_ways_and_told(tmp_path: Path) -> None:
    with site_on(tmp_path, 2) as site:
        site.start()
        site.set_clock(day(3.5))
        until(lambda: site.in_kernel == PHASE)
        site.set_clock(day(2.5))
        until(lambda: site.in_kernel == OWN)
        until(lambda: len(site.events()) == 2)
        assert site.events() == [
            (What.CLOCK_JUMPED, "the clock was set forward by 129600.0 s, to 2026-04-03T12:00:00Z"),
            (What.CLOCK_JUMPED, "the clock was set back by 86400.0 s, to 2026-04-02T12:00:00Z"),
        ]


def test_a_gate_that_refuses_is_tried_again_and_that_is_late(tmp_path: Path) -> None:
    with site_on(tmp_path, 2) as site:
        site.start()
        assert site.gate is not None
        site.gate.failing = "limits"
        site.pass_to(day(3))
        until(lambda: site.gate is not None and site.gate.failing == "")
        site.pass_to(day(3) + timedelta(seconds=2))
        until(lambda: site.in_kernel == PHASE)
        until(lambda: site.kinds() == [What.FOLLOWED_LATE])


def test_suspended_by_hand_over_a_restart_until_it_is_resumed(tmp_path: Path) -> None:
    with site_on(tmp_path, 3) as site:
        site.start()
        answer = site.office.suspend(WHY, PEER)
        assert site.in_kernel == OBSERVED, "before the answer"
        assert (answer.state, answer.not_durable) == (State.SUSPENDED, None)
        assert answer.suspension is not None
        assert (answer.suspension.by, answer.suspension.reason, answer.suspension.durable) == (
            "root",
            WHY.reason,
            True,
        )
        gate = site.gate
    with site_on(tmp_path, 3.5, gate) as site, capture_logs():
        site.start()
        assert site.in_kernel == OBSERVED
        assert site.office.status().state is State.SUSPENDED
        site.pass_to(day(4))
        resumed = site.office.resume(ReasonRequest(reason="it is cool"), PEER)
        assert (resumed.state, resumed.suspension) == (State.RUNNING, None)
        assert site.in_kernel == PHASE_2
        assert [one for one in site.kinds() if one in (What.SUSPENDED, What.RESUMED)] == [
            What.SUSPENDED,
            What.RESUMED,
        ]
        with site.store.reading() as transaction:
            audit = [
                (one.entry.action, one.entry.reference, one.entry.outcome) for one in transaction.records()
            ]
        assert audit == [
            ("trial suspend", "the router is hot", "suspended"),
            ("trial resume", "it is cool", "resumed"),
        ]


def test_what_cannot_be_is_refused_and_recorded(tmp_path: Path) -> None:
    with site_on(tmp_path, 3) as site:
        site.start()
        with pytest.raises(RefusalError, match="is not suspended"):
            site.office.resume(WHY, PEER)
        site.office.suspend(WHY, PEER)
        with pytest.raises(RefusalError, match="it is suspended already, since 2026-04-03T00:00:00Z by root"):
            site.office.suspend(WHY, PEER)
        assert site.kinds() == [What.SUSPENDED]
        with site.store.reading() as transaction:
            outcomes = [one.entry.outcome.split(":")[0] for one in transaction.records()]
        assert outcomes == ["refused", "suspended", "refused"]


def test_with_the_store_away_the_gate_observes_first_and_it_is_written_later(tmp_path: Path) -> None:
    with site_on(tmp_path, 3) as site:
        site.start()
        site.store.is_away = True
        answer = site.office.suspend(WHY, PEER)
        assert site.in_kernel == OBSERVED
        assert answer.not_durable == "store: its disk is full: make room"
        assert answer.suspension is not None
        assert not answer.suspension.durable
        with pytest.raises(RefusalError) as refused:
            site.office.resume(WHY, PEER)
        assert refused.value.status == 503
        assert site.in_kernel == OBSERVED
        status = site.office.status()
        assert (status.store, status.registration) == (
            "store: its disk is full: make room",
            Registration.UNKNOWN,
        )
        site.store.is_away = False
        until(lambda: site.kinds() == [What.SUSPENDED])
        until(lambda: is_durable(site))


def is_durable(site: Site) -> bool:
    suspension = site.office.status().suspension
    assert suspension is not None
    return suspension.durable


@pytest.mark.parametrize("suspended", [False, True])
def test_with_the_store_away_at_a_start_it_counts_as_suspended_until_the_store_tells(
    tmp_path: Path, suspended: bool
) -> None:
    if suspended:
        with site_on(tmp_path, 3) as site:
            site.start().office.suspend(WHY, PEER)
    with site_on(tmp_path, 3) as site, capture_logs() as logs:
        site.store.is_away = True
        site.start()
        assert site.in_kernel == OBSERVED
        assert any("counts as suspended" in one["event"] for one in logs if one["log_level"] == "error")
        suspension = site.office.status().suspension
        assert suspension is not None
        assert (suspension.known, suspension.by) == (False, "sekishod")
        site.store.is_away = False
        until(lambda: any("it is known again" in one["event"] for one in logs))
        until(lambda: site.in_kernel == (OBSERVED if suspended else PHASE))
        now = site.office.status().suspension
        assert (None if now is None else now.reason) == (WHY.reason if suspended else None)


def test_suspended_by_hand_while_nobody_knows_it_stays_so(tmp_path: Path) -> None:
    with site_on(tmp_path, 3) as site:
        site.store.is_away = True
        site.start().office.suspend(WHY, PEER)
        site.store.is_away = False
        until(lambda: site.kinds() == [What.SUSPENDED])
        assert site.in_kernel == OBSERVED


def test_what_holds_now_is_not_what_the_daemon_found(tmp_path: Path) -> None:
    with site_on(tmp_path, 2) as site:
        gate = site.start().gate
    with site_on(tmp_path, 3.5, gate) as site:
        site.start()
        assert site.in_kernel == PHASE
        until(lambda: site.kinds() == [What.FOLLOWED_LATE])
        assert site.events()[0][1] == (
            "until the daemon started, dynamic, fixed had another limit; what holds now does so since "
            "2026-04-03T00:00:00Z by the plan"
        )


def test_a_reload_with_another_plan_and_with_none_is_followed(tmp_path: Path) -> None:
    with site_on(tmp_path, 3) as site:
        site.start()
        site.scene.text = site.scene.text.replace('"spring"', '"summer"').replace("cap = 3", "cap = 2")
        site.keeper.reload(PEER)
        assert site.in_kernel["dynamic"] == Limit(Mode.ENFORCE, 2, 2_000)
        assert site.office.status().name == "summer"
        site.scene.text = TEXT + "[store]\n"
        site.keeper.reload(PEER)
        assert site.in_kernel == OWN
        with pytest.raises(RefusalError, match=r"has no \[trial\]"):
            site.office.status()


def test_registering_freezes_what_is_in_force(tmp_path: Path) -> None:
    with site_on(tmp_path, 1) as site:
        site.start()
        assert site.office.status().registration is Registration.NONE
        first = site.office.register(PEER)
        assert (first.version, first.late, first.supersedes) == (1, False, None)
        status = site.office.status()
        assert (status.registration, status.digest) == (Registration.IN_FORCE, first.digest)
        with pytest.raises(RefusalError, match="registered already, as version 1"):
            site.office.register(PEER)
        site.scene.text = site.scene.text.replace("cap = 3", "cap = 2")
        site.keeper.reload(PEER)
        assert site.office.status().registration is Registration.DIFFERS
        second = site.office.register(PEER)
        assert (second.version, second.supersedes) == (2, first.digest)
        assert site.kinds() == [What.REGISTERED, What.REGISTERED]


def test_a_registration_after_the_start_is_late(tmp_path: Path) -> None:
    with site_on(tmp_path, 3) as site:
        assert site.start().office.register(PEER).late


def test_a_registration_needs_the_store(tmp_path: Path) -> None:
    with site_on(tmp_path, 1) as site:
        site.start()
        site.store.is_away = True
        with pytest.raises(RefusalError) as refused:
            site.office.register(PEER)
        assert refused.value.kind == "store"


def test_a_suspension_that_the_gate_refuses_is_told_and_tried_again(tmp_path: Path) -> None:
    with site_on(tmp_path, 3) as site:
        site.start()
        assert site.gate is not None
        site.gate.failing = "limits"
        with pytest.raises(GateError):
            site.office.suspend(WHY, PEER)
        site.trial.look()
        until(lambda: site.in_kernel == OBSERVED)
        assert site.kinds() == [What.SUSPENDED]


def test_a_suspension_waits_for_a_resumption_under_way_while_all_is_observed(tmp_path: Path) -> None:
    with site_on(tmp_path, 3) as site:
        site.start()
        site.office.suspend(WHY, PEER)
        reached, go_on = threading.Event(), threading.Event()

        def write(first: Callable[[Transaction], object]) -> None:
            reached.set()
            assert go_on.wait(60)
            with site.store.transaction() as transaction:
                first(transaction)
                transaction.add_trial_event(event)

        event = Event(site.now, "spring", What.RESUMED, "", "root", 0)
        resuming = threading.Thread(target=site.trial.resume, args=(event, write))
        resuming.start()
        assert reached.wait(60)
        suspending = threading.Thread(target=site.office.suspend, args=(WHY, PEER))
        suspending.start()
        assert site.in_kernel == OBSERVED
        go_on.set()
        resuming.join()
        suspending.join()
        assert site.in_kernel == OBSERVED
        assert site.kinds() == [What.SUSPENDED, What.RESUMED, What.SUSPENDED]
