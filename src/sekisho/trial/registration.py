"""A trial's protocol registered under a hash, so that nobody can choose afterwards what was meant.

The text is canonical: equal protocols have equal texts, byte by byte. It holds the blocks too, since the
rules of a time zone may become others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sekisho.trial.plan import schedule
from sekisho.trial.protocol import TrialProtocol
from sekisho.trial.written import written_block, written_moment, written_protocol

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Version:
    """A protocol as it was registered, valid from then on.

    `digest`: the SHA-256 of `text` in UTF-8, in hexadecimal. `supersedes`: the digest of the version before.
    `late`: the first, after the trial had begun: what came before `registered_at` is no experiment.
    """

    number: int
    registered_at: datetime
    digest: str
    text: str
    supersedes: str | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was registered, and the way out."""

    what: str
    way_out: str


def register(existing: Sequence[Version], protocol: TrialProtocol, now: datetime) -> Version | Refusal:
    """Register a protocol; `existing`: the versions of its trial, in order."""
    text = canonical(protocol)
    digest = sha256(text.encode()).hexdigest()
    last = existing[-1] if existing else None
    refusal = _over(protocol, now) if last is None else _not_after(last, digest, now) or _over(protocol, now)
    if refusal is not None:
        return refusal
    if last is None:
        return Version(1, now, digest, text, late=now > protocol.plan.span.begin)
    return Version(last.number + 1, now, digest, text, supersedes=last.digest)


def canonical(protocol: TrialProtocol) -> str:
    """Return the text of a protocol: JSON without spaces, its keys in order."""
    value = {
        "schema": SCHEMA,
        **written_protocol(protocol),
        "blocks": [written_block(block) for block in schedule(protocol.plan)],
    }
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _not_after(last: Version, digest: str, now: datetime) -> Refusal | None:
    """Refuse what may not follow the last version."""
    at = written_moment(last.registered_at)
    if digest == last.digest:
        return Refusal(
            f"this is registered already, as version {last.number} at {at}", "there is nothing to be done"
        )
    if now < last.registered_at:
        return Refusal(
            f"by the clock it is {written_moment(now)}, before version {last.number} was registered ({at})",
            "set the clock right",
        )
    end = str(json.loads(last.text)["plan"]["end"])
    if datetime.fromisoformat(end) <= now:
        return Refusal(
            f"the trial is over since {end}, as version {last.number} has it",
            "give what you plan now another name: it is another trial",
        )
    return None


def _over(protocol: TrialProtocol, now: datetime) -> Refusal | None:
    end = protocol.plan.span.end
    if now < end:
        return None
    return Refusal(
        f"the trial is over since {written_moment(end)}, and what is registered afterwards proves nothing",
        "plan it for days to come",
    )
