"""What others are told when guardrails have stopped a trial."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from math import isfinite
from typing import Final

from sekisho.outbox import Letter, mail, webhook
from sekisho.trial.events import Event, What
from sekisho.trial.guardrails import Breach
from sekisho.trial.watching import said
from sekisho.trial.written import Written, written_moment

TYPE: Final = "trial.breach"


_WHO: Final = "guardrail "
_AND: Final = ", "


def who(passed: Iterable[Breach]) -> str:
    """Name the guardrails, as the trial's log does."""
    return _WHO + _AND.join(one.what for one in passed)


def passed_in(event: Event) -> frozenset[str]:
    """Return the guardrails that an event of the trial's log names, none where a person did it."""
    return frozenset(event.by.removeprefix(_WHO).split(_AND)) if event.by.startswith(_WHO) else frozenset()


def why(passed: Iterable[Breach]) -> str:
    """Say what was passed."""
    return "; ".join(map(said, passed))


def events(trial: str, passed: Iterable[Breach], at: datetime) -> tuple[Event, ...]:
    """Return what the trial's log has of it."""
    return tuple(Event(at, trial, What.BREACH, said(one), who([one])) for one in passed)


def letters(
    letter_id: str,
    gate: str,
    trial: str,
    passed: Sequence[Breach],
    at: datetime,
    *,
    by_webhook: bool,
    mail_to: Sequence[str],
) -> Iterator[Letter]:
    """Write to whoever is told; `letter_id`: of the webhook, and the beginning of the mails'."""
    if by_webhook:
        yield webhook(letter_id, _body(gate, trial, passed, at), at)
    subject = f"[sekisho {gate}] trial {trial} is suspended / 実証実験を中断"
    for number, address in enumerate(mail_to, start=1):
        yield mail(f"{letter_id}-{number}", address, subject, _text(gate, trial, passed, at), at)


def _body(gate: str, trial: str, passed: Iterable[Breach], at: datetime) -> Written:
    return {
        "type": TYPE,
        "timestamp": written_moment(at),
        "data": {
            "gate": gate,
            "trial": trial,
            "state": "suspended",
            "breaches": [
                {
                    "what": str(one.what),
                    # Beyond what is measured it is infinite, which JSON does not know.
                    "value": one.value if isfinite(one.value) else None,
                    "bound": one.bound,
                    "since": written_moment(one.since),
                    "said": said(one),
                }
                for one in passed
            ],
        },
    }


def _text(gate: str, trial: str, passed: Sequence[Breach], at: datetime) -> str:
    told = "\n".join(f"- {said(one)} (since {written_moment(one.since)})" for one in passed)
    return (
        f"At {written_moment(at)} gate {gate} has suspended trial {trial} by itself.\n"
        "What was passed:\n"
        f"\n{told}\n\n"
        "All classes of the trial are observed and nobody is limited, until a person resumes it:\n"
        "  sekisho trial status\n  sekisho trial resume --reason ...\n"
        "\n"
        f"関所 {gate} は、ガードレールの超過により実証実験 {trial} を自動的に中断しました。\n"
        "対象の種別はすべて観測のみとなり、人が再開するまで規制されません。\n"
    )
