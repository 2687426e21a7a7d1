"""What fails again and again: the log has it once, by its name, and what costs much rests between."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from sekisho.daemon.attempts import LONGEST_REST_SECONDS, Attempts
from sekisho.lines.radacct_poll import RadacctError
from sekisho.lines.radius_secrets import SecretError
from sekisho.store import StoreError, UnfitError


class Scene:
    """An action that fails when told, before a clock that goes on when told."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.fault: Exception | None = None
        self.tries = 0
        self.attempts = Attempts(lambda: self.seconds)

    def act(self) -> str:
        self.tries += 1
        if self.fault is not None:
            raise self.fault
        return "done"

    def attempt(self, *, rests: bool = False) -> str | None:
        return self.attempts.attempt("lists", self.act, rests=rests)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_costs_much_is_tried_ever_more_seldom(scene: Scene) -> None:
    scene.fault = StoreError("it is away")
    tried = []
    for second in range(300):
        scene.seconds, before = second, scene.tries
        assert scene.attempt(rests=True) is None
        tried += [second] * (scene.tries - before)
    assert tried == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    scene.fault, scene.seconds = None, 303.0
    assert scene.attempt(rests=True) == "done"
    scene.fault = StoreError("it is away again")
    assert [scene.attempt(rests=True) for scene.seconds in (304, 304.5, 305)] == [None] * 3
    assert scene.tries == 10 + 1 + 2


def test_what_costs_little_is_tried_each_time(scene: Scene) -> None:
    scene.fault = ValueError("never thought of")
    for _ in range(20):
        scene.attempt()
    assert scene.tries == 20


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (StoreError("its disk is full"), "the store is away"),
        (UnfitError("a value is too large"), "the store cannot take this in as it is"),
        (RadacctError("its database is down"), "radacct cannot be read"),
        (SecretError("its file is gone", "write it"), "what is secret cannot be read"),
        (ValueError("never thought of"), "this cannot be seen to"),
    ],
)
def test_the_log_says_once_what_fails_and_why(scene: Scene, fault: Exception, told: str) -> None:
    scene.fault = fault
    with capture_logs() as logs:
        for _ in range(3):
            scene.attempt()
        scene.fault = None
        scene.attempt()
        scene.attempt()
    begun, ended = logs
    assert begun["event"].startswith(told)
    assert begun["undone"] == "lists"
    assert begun.get("why") == (None if isinstance(fault, ValueError) else str(fault))
    assert (ended["event"], ended["done"]) == ("what had failed works again", "lists")


def test_another_kind_of_fault_is_told_too(scene: Scene) -> None:
    with capture_logs() as logs:
        for scene.fault in (StoreError("away"), UnfitError("too large"), StoreError("away")):
            scene.attempt()
    assert len(logs) == 3


def test_one_that_rests_keeps_no_other_waiting(scene: Scene) -> None:
    scene.fault = StoreError("it is away")
    scene.attempt(rests=True)
    scene.seconds = LONGEST_REST_SECONDS / 100
    assert scene.attempts.attempt("reliefs", lambda: "done", rests=True) == "done"
