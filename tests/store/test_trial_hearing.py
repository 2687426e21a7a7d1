"""Two gates of one PostgreSQL hear of each other by the store alone: neither looks there by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest
from structlog.testing import capture_logs

from sekisho.daemon import trial_journal, trial_news
from sekisho.gate import GateError
from sekisho.trial.events import What
from sekisho.trial.watching import Errors
from tests.system.waiting import until
from tests.unit.keeping import TEXT
from tests.unit.test_guardrail_keeper import RULES, Watching
from tests.unit.test_trial_keeper import OBSERVED, PEER, WHY
from tests.unit.trial_site import PHASE, TRIAL, Site, site_at

NEVER_SECONDS = 3600.0
NAMES = ("here", "there")
BOTH = dict.fromkeys(NAMES, True)
Gates = tuple[Site, Site]


@pytest.fixture
def gates(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gates]:
    """Two daemons' trials that are under way."""
    monkeypatch.setattr(trial_journal, "RETRY_SECONDS", NEVER_SECONDS)
    monkeypatch.setattr(trial_news, "RETRY_SECONDS", 0.01)
    with ExitStack() as stack, capture_logs():
        here, there = (stack.enter_context(site_at(postgres_url, 3)) for _ in NAMES)
        for name, site in zip(NAMES, (here, there), strict=True):
            site.start(named(name))
        until_obeying(here, BOTH)
        yield here, there


def named(gate: str) -> str:
    return TEXT.replace("[gate]\n", f'[gate]\nname = "{gate}"\n') + TRIAL + RULES


def until_obeying(asked: Site, wanted: dict[str, bool]) -> None:
    """Wait until a gate tells this of all of them."""
    until(lambda: obeying(asked) == wanted)


def obeying(site: Site) -> dict[str, bool]:
    return {one.name: one.obeys for one in site.office.status().gates or ()}


def test_another_gate_hears_of_a_suspension_and_of_its_end(gates: Gates) -> None:
    here, there = gates
    for _ in range(3):
        here.office.suspend(WHY, PEER)
        until(lambda: there.in_kernel == OBSERVED)
        until_obeying(here, BOTH)
        there.office.resume(WHY, PEER)
        until(lambda: here.in_kernel == PHASE)
        until_obeying(there, BOTH)


def test_another_gate_hears_of_what_a_guardrail_has_suspended(gates: Gates) -> None:
    here, there = gates
    watched = Watching(here)
    watched.minute()
    watched.minute(errors=Errors("run", 9))
    until(lambda: there.in_kernel == OBSERVED)
    suspension = there.office.status().suspension
    assert suspension is not None
    assert suspension.by == "guardrail gate-errors"
    assert there.kinds().count(What.BREACH) == 1


def test_who_was_cut_off_listens_again_and_learns_what_was_said_meanwhile(
    gates: Gates, postgres_url: str
) -> None:
    here, there = gates
    with psycopg.connect(postgres_url, autocommit=True) as other:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'"
        assert len(other.execute(cut).fetchall()) >= len(NAMES)
    here.office.suspend(WHY, PEER)
    until(lambda: there.in_kernel == OBSERVED)


def test_a_gate_that_has_another_trial_or_none_is_named_no_more(gates: Gates) -> None:
    here, there = gates
    for text, names in (
        (named("there").replace('"spring"', '"summer"'), {"here"}),
        (named("there"), {"here", "there"}),
        (TEXT.replace("[gate]\n", '[gate]\nname = "there"\n') + "[store]\n", {"here"}),
    ):
        there.scene.text = text
        there.keeper.reload(PEER)
        there.trial.look()
        until_obeying(here, dict.fromkeys(names, True))


def test_a_gate_that_was_taken_down_is_named_no_more(gates: Gates) -> None:
    here, there = gates
    there.keeper.stop()
    there.trial.stop()
    there.started = False
    assert obeying(here) == {"here": True}


def test_a_gate_that_refuses_is_not_said_to_obey(gates: Gates) -> None:
    here, there = gates

    def refuse(*_: object) -> None:
        raise GateError("the kernel refuses")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(here.gate, "apply", refuse)
        with pytest.raises(GateError):
            here.office.suspend(WHY, PEER)
        for site in gates:
            until_obeying(site, {"here": False, "there": True})
        assert (here.in_kernel, there.in_kernel) == (PHASE, OBSERVED)
    until_obeying(there, BOTH)
    assert here.in_kernel == OBSERVED
