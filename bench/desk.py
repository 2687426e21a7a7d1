"""The desk: how fast reports are read, and whether they come to the right line, on a made corpus.

Times are this process's processor time, on one core.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from bench.rows import Row, at_least, at_most, below
from sekisho.desk.attribute import Found, Outcome
from sekisho.desk.parse import parse
from sekisho.desk.report import Refusal, Report
from tests.desk.corpus import Truth, corpus, follow, is_true
from tests.desk.hostile import HOSTILE
from tests.desk.letters import MX
from tests.desk.world import World, world

_SEED: Final = 5
_SERVERS: Final = frozenset({MX})
_REPORTS: Final = 10_000
_WANTED_A_SECOND: Final = 1_000
_LONGEST_MS: Final = 100
_TRIES: Final = 3
_LEAST_ATTRIBUTED: Final = 99  # percent


def measure() -> Iterator[Row]:
    """Yield the figures of reading and of attributing."""
    provider = world(_SEED)
    made = list(corpus(_SEED, _REPORTS, provider))
    yield from _reading(made)
    yield from _hostile()
    yield from _attributing(made, provider)


def _reading(made: list[tuple[bytes, Truth]]) -> Iterator[Row]:
    by_format: dict[str, list[bytes]] = defaultdict(list)
    for data, truth in made:
        by_format[truth.format].append(data)
    name = f"desk: reports of all formats read a second, {_REPORTS:,} on one core"
    yield at_least(name, _rate([data for data, _ in made]), "1/s", _WANTED_A_SECOND)
    for form, letters in sorted(by_format.items()):
        yield at_least(f"desk: {form} read a second, on one core", _rate(letters), "1/s", _WANTED_A_SECOND)


def _rate(letters: list[bytes]) -> float:
    begin = time.process_time()
    for letter in letters:
        parse(letter, servers=_SERVERS)
    return len(letters) / (time.process_time() - begin)


def _hostile() -> Iterator[Row]:
    """Yield how long the worst of what is made to take long takes, at the largest size that is read."""
    slowest = max(_shortest_seconds(make()) for make in HOSTILE.values())
    yield below(
        "desk: longest for one message of 10 MB made to take long", slowest * 1_000, "ms", _LONGEST_MS
    )


def _shortest_seconds(letter: bytes) -> float:
    """Return the shortest of some times that a message takes: others on the machine only lengthen it."""
    times = []
    for _ in range(_TRIES):
        begin = time.process_time()
        parse(letter, servers=_SERVERS)
        times.append(time.process_time() - begin)
    return min(times)


def _attributing(made: list[tuple[bytes, Truth]], provider: World) -> Iterator[Row]:
    followed = [(follow(data, provider), truth) for data, truth in made]
    lines = [(outcome, truth) for outcome, truth in followed if _found(outcome) is Found.ATTRIBUTED]
    wrong = sum(not is_true(outcome, truth) for outcome, truth in lines)
    doubtful = [outcome for outcome, truth in followed if truth.found is Found.AMBIGUOUS]
    hidden = sum(_found(outcome) is not Found.AMBIGUOUS for outcome in doubtful)
    clear = sum(truth.found is Found.ATTRIBUTED for _, truth in followed)
    share = (len(lines) - wrong) / clear * 100
    of = f"of {_REPORTS:,} reports whose truth is known"
    yield at_most(f"desk: attributed to a wrong line, {of}", wrong, "reports", 0)
    read = ((parse(data, servers=_SERVERS), truth) for data, truth in made)
    believed = sum(
        isinstance(parsed, Report) and parsed.authenticated != truth.authenticated for parsed, truth in read
    )
    yield at_most(f"desk: believed to be whose it is not, or not believed, {of}", believed, "reports", 0)
    yield at_most(f"desk: ambiguous and not said to be, {of}", hidden, "reports", 0)
    yield at_least(f"desk: attributed of the unambiguous, {of}", share, "%", _LEAST_ATTRIBUTED)


def _found(outcome: Outcome | Refusal) -> Found | None:
    return outcome.found if isinstance(outcome, Outcome) else None
