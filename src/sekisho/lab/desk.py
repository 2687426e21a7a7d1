"""A case at the desk in seconds: reports of real spam, a stop request, a limit, a suspension, its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from cryptography.fernet import Fernet

from sekisho.desk.case_values import State
from sekisho.lab import desk_layout, measure, postfix, programs
from sekisho.lab.build import build, lay_out
from sekisho.lab.desk_layout import LIMIT, LIMITING, NEIGHBOUR, OWN_LIMIT, RECIPIENTS, SPAMMER
from sekisho.lab.desk_mail import PROVIDER, RECEIVING
from sekisho.lab.desk_result import Accused, DeskResult, OpenCase, Span, Stage, What, figures, in_words
from sekisho.lab.desk_scene import Scene, subject
from sekisho.lab.desk_servers import serve
from sekisho.lab.drain import drain
from sekisho.lab.interrupts import interrupts
from sekisho.lab.laboratory import Lab
from sekisho.lab.phases import describe
from sekisho.lab.progress import Screen
from sekisho.lab.run import preflight
from sekisho.lines.roster import SUSPENDED_LIMIT

# Of each stage, in seconds: what is left out, in which mail that was taken in is delivered and the first
# session under the line's own limit goes on; and what is counted.
_SECONDS: Mapping[Stage, tuple[float, float]] = {
    Stage.BEFORE: (1.0, 3.0),
    Stage.ASKED: (0.5, 2.0),
    Stage.LIMITED: (2.0, 6.0),
    Stage.SUSPENDED: (1.5, 3.0),
    Stage.RESTORED: (1.5, 2.5),
}
_BIN_SECONDS = 0.5
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def run(screen: Screen) -> DeskResult:
    """Bring one line's case from report to restoration and return what was measured.

    Raises LabError, Interrupted after a signal; whatever happens, nothing is left behind.
    """
    preflight()
    began = time.monotonic()
    with interrupts() as stopping, ExitStack() as stack:
        lab = lay_out(stack, stopping, screen)
        try:
            result = _measured(_built(lab, stack))
        finally:
            screen.step("clean up")
    return replace(result, seconds=time.monotonic() - began)


def _built(lab: Lab, stack: ExitStack) -> Scene:
    """Build the laboratory with a desk, the recipients' mail server and the provider's."""
    lab.write_secret(desk_layout.DESK_KEY, Fernet.generate_key().decode())
    (lab.directory / desk_layout.LINES).write_text(desk_layout.line_list())
    nas = build(lab, stack, LIMIT, desk_layout.config())
    lab.screen.step("start the mail servers of the recipients and of the provider")
    scene = Scene(lab, nas, serve(lab, RECEIVING), serve(lab, PROVIDER))
    lab.others.append(scene.receive)
    return scene


def _measured(scene: Scene) -> DeskResult:
    lab = scene.lab
    lab.screen.step("the desk")
    lab.screen.say(f"  {desk_layout.steps()}")
    scene.begin()
    scene.note(What.SPAM, f"{SPAMMER.line} sends, {SPAMMER.sessions} sessions at once; nothing limits it")
    spans = [_counted(scene, Stage.BEFORE)]
    number, since = _ask_to_stop(scene)
    spans.append(_counted(scene, Stage.ASKED))
    _limit(scene, since)
    for recipient in RECIPIENTS[:LIMITING]:
        scene.forge(recipient, NEIGHBOUR)
    spans.append(_counted(scene, Stage.LIMITED))
    _suspend(scene, number, since)
    spans.append(_counted(scene, Stage.SUSPENDED))
    _restore(scene, number)
    spans.append(_counted(scene, Stage.RESTORED))
    drain(lab)
    accused = _accused(scene, number)
    lab.screen.step("take the lines down")
    scene.nas.go_down(programs.LINE_NAMES)
    return _result(scene, spans, accused)


def _counted(scene: Scene, stage: Stage) -> Span:
    return scene.measured(stage, *_SECONDS[stage])


def _ask_to_stop(scene: Scene) -> tuple[int, datetime]:
    """Let two recipients report; return the case's number and when the letter to its customer left."""
    first, second, *_ = RECIPIENTS
    scene.report(first, _EVER)
    case = scene.until_case(State.COLLECTING)
    line = scene.ask("case", str(case["number"]))["line"]
    scene.note(What.CASE, f"case {case['number']}: by the leases it was {line} that had the address")
    scene.report(second, _EVER)
    scene.until_told(1, What.STOP_REQUEST)
    case = scene.until_left()
    return case["number"], datetime.fromisoformat(case["request"]["at"])


def _limit(scene: Scene, since: datetime) -> None:
    """Let a third recipient report what came although the line was asked to stop."""
    scene.report(RECIPIENTS[2], since)
    scene.until_limit(OWN_LIMIT, What.LIMIT, f"the line has a limit of its own: {describe(OWN_LIMIT)}")
    scene.until_told(2)
    scene.until_sessions(OWN_LIMIT.cap)


def _suspend(scene: Scene, number: int, since: datetime) -> None:
    """Let the others report again, until its suspension is proposed; approve that."""
    for recipient in RECIPIENTS[3:]:
        scene.report(recipient, since)
    scene.until_case(State.PROPOSED)
    scene.note(What.PROPOSAL, "its suspension is proposed, and waits for a person")
    why, then = "it sends on after the stop request", "port 25 is closed for the line"
    scene.decide("approve", number, why, SUSPENDED_LIMIT, What.SUSPENSION, then)
    scene.until_told(3)
    scene.until_sessions(0)


def _restore(scene: Scene, number: int) -> None:
    why, then = "the customer has cleaned the machine", "the line is free again"
    scene.decide("restore", number, why, LIMIT, What.RESTORATION, then)
    scene.until_told(4)


def _accused(scene: Scene, number: int) -> Accused:
    """Ask who was accused, and look whether others were told."""
    case = scene.ask("case", str(number))
    others = [line for line in programs.LINE_NAMES if line != SPAMMER.line]
    return Accused(
        line=case["line"],
        states=tuple(dict.fromkeys(one["after"] for one in case["events"])),
        verified=tuple(
            f"{one['do']} {one['kind']}" for one in case["actions"] if one["progress"] == "verified"
        ),
        others=tuple(_open_case(scene, one["number"]) for one in scene.ask("cases", "--claimed")["cases"]),
        queued=len(scene.ask("queue")["reports"]),
        others_told=sum(len(scene.notices(line)) for line in others),
        others_limited=scene.others_limited,
    )


def _open_case(scene: Scene, number: int) -> OpenCase:
    found = scene.ask("case", str(number))
    claimed = sum(1 for one in found["reported"] if one["is_claimed"])
    return OpenCase(
        line=found["line"],
        state=found["case"]["state"],
        proved=len(found["reported"]) - claimed,
        claimed=claimed,
        measures=len(found["case"]["measures"]),
    )


def _result(scene: Scene, spans: list[Span], accused: Accused) -> DeskResult:
    lab = scene.lab
    letters, failed, etc = lab.writers.letters, lab.writers.failed, lab.writers.postfix
    begins = [(in_words(span.stage), span.since) for span in spans]
    return DeskResult(
        run=lab.net.run,
        seconds=0.0,
        stages=figures(spans, lab.arrived, letters, failed),
        notices=tuple(subject(one) for one in scene.notices(SPAMMER.line)),
        accused=accused,
        letters=measure.letters_in_all(letters, lab.arrived, failed, postfix.log(etc), postfix.queued(etc)),
        record=tuple(sorted(scene.record, key=lambda one: one.at)),
        timeline=measure.timeline(lab.arrived, begins, spans[-1].end, _BIN_SECONDS),
    )
