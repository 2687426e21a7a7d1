"""A guardrail that is passed, on the real daemon: observed by the kernel, told once, resumed by a person."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sekisho.model import Mode
from tests.system.lines_scene import Scene
from tests.system.test_trial import PHASE, Trial, trial
from tests.system.waiting import until
from tests.unit.post_office import SECRET, Hooks, Mails, hooks, mails

RULES = """\
[trial.guardrails]
complaints_per_day = 2
[alerts.webhook]
url = "{url}"
secret_file = "webhook"
[alerts.mail]
server = "127.0.0.1:{port}"
from = "sekisho@example.net"
to = ["noc@example.net"]
"""


@dataclass
class Told:
    """A trial with guardrails that has not started, and who is told."""

    made: Trial
    web: Hooks
    post: Mails

    def ids(self) -> tuple[int, int]:
        return len(self.web.ids()), len(self.post.ids())


@pytest.fixture
def told(lines_scene: Scene) -> Iterator[Told]:
    secret = lines_scene.directory / "webhook"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    inside = lines_scene.gate.call
    with hooks(inside) as web, mails(inside=inside) as post:
        rules = RULES.format(url=web.url, port=post.port)
        yield Told(trial(lines_scene, PHASE + rules), web, post)


def test_it_observes_and_tells_once_over_kills_until_a_person_resumes_it(told: Told) -> None:
    made, scene = told.made, told.made.scene
    daemon = scene.up()
    assert made.limit().cap == 1
    assert made.told("complaint", "--count", "30", "--reason", "calls")["count"] == 30
    daemon.end(signal.SIGKILL)
    daemon = scene.up()  # which looks at once
    until(lambda: made.limit().mode is Mode.OBSERVE)
    until(lambda: told.ids() == (1, 1))
    suspension = made.told("status")["suspension"]
    assert (suspension["by"], suspension["uid"]) == ("guardrail complaints", None)
    body = json.loads(told.web.got[0].body)
    assert (body["type"], body["data"]["trial"]) == ("trial.breach", "seconds")
    assert [one["what"] for one in body["data"]["breaches"]] == ["complaints"]
    assert "suspended trial seconds by itself" in told.post.got[0].get_content()
    until(lambda: made.told("status")["alerts"]["waiting"] == 0)
    daemon.end(signal.SIGKILL)
    daemon = scene.up()
    assert made.told("status")["state"] == "suspended"
    assert made.told("resume", "--reason", "it is mended")["state"] == "running"
    daemon.end(signal.SIGKILL)
    daemon = scene.up()
    until(lambda: made.told("status")["looked_at"] is not None)
    status = made.told("status")
    assert (status["state"], made.limit().cap) == ("running", 1), "what was before counts no more"
    (complaints,) = (one for one in status["guardrails"] if one["what"] == "complaints")
    assert complaints["value"] < 20 < complaints["days"][-1]["value"]
    told_of = ("breach", "suspended", "resumed")
    assert tuple(one for one in made.kinds() if one in told_of) == told_of
    daemon.end()
    assert told.ids() == (1, 1)
