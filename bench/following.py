"""How soon the kernel has another limit: at a boundary of the trial, and when it is suspended elsewhere.

Two daemons keep one PostgreSQL. A suspension is answered when all gates that are heard of obey.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

from bench.rows import Row, at_most, below
from bench.site import Site, site
from sekisho.api.client import ask
from sekisho.config import parse
from sekisho.config.trial_plan import plan_at_gate
from sekisho.gate.kernel import read_pinned
from sekisho.model import Limit, Mode
from sekisho.plan import installed_limits
from sekisho.trial.plan import Plan
from sekisho.trial.standing import Standing, standing
from tests.store.postgres import server

BOUNDARIES: Final = 10
SUSPENSIONS: Final = 20
_ROOM: Final = 1 << 10
_CLASS: Final = "dynamic"
_LOOK_SECONDS: Final = 0.001
_PATIENCE_SECONDS: Final = 60.0
_TRIAL: Final = """\
[trial]
name = "following"
from = {begin}
to = {end}
zone = "UTC"
classes = ["dynamic"]
[trial.switchback]
from = {begin}
to = {end}
block = "2s"
washout = "500ms"
seed = 7
on = {{ cap = 3 }}
"""


def measure() -> Iterator[Row]:
    """Start two gates, wait for boundaries at one, and suspend and resume there."""
    now = datetime.now(UTC).replace(microsecond=0)
    hour = timedelta(hours=1)
    trial = _TRIAL.format(begin=(now - hour).isoformat(), end=(now + hour).isoformat())
    with ExitStack() as stack:
        url = stack.enter_context(server()).make_database()
        here, there = (stack.enter_context(site()) for _ in range(2))
        for where in (here, there):
            where.configure(url, _ROOM, trial)
        daemons = [where.up() for where in (here, there)]
        plan = _plan(here)
        boundaries = [_boundary_ms(here, plan) for _ in range(BOUNDARIES)]
        suspensions = [_suspension_ms(here, there) for _ in range(SUSPENSIONS)]
        for daemon in daemons:
            daemon.end()
    yield from judge(boundaries, suspensions)


def judge(boundaries_ms: list[float], suspensions_ms: list[float]) -> Iterator[Row]:
    """Give the rows of boundaries that were followed, and of suspensions that were answered."""
    name = "the kernel's limit after a boundary of the trial"
    yield Row(f"{name}: median", median(boundaries_ms), "ms")
    yield at_most(f"{name}: worst of {len(boundaries_ms)}", max(boundaries_ms), "ms", 1_000)
    name = "a suspension until both gates of a PostgreSQL obey"
    yield below(f"{name}: median", median(suspensions_ms), "ms", 500)  # what a look each second would take
    yield Row(f"{name}: worst of {len(suspensions_ms)}", max(suspensions_ms), "ms")


def _plan(where: Site) -> Plan:
    config = parse(where.file.read_bytes()).config
    plan = None if config is None else plan_at_gate(config)
    if plan is None:
        raise RuntimeError("the configuration of the bench has no trial")
    return plan


def _boundary_ms(where: Site, plan: Plan) -> float:
    """Wait for the next boundary at which the limit changes; return how long after it the kernel has it."""
    at = _next_change(plan, datetime.now(UTC))
    if at.since is None:
        raise RuntimeError("the trial of the bench is over")
    time.sleep(max(0.0, (at.since - datetime.now(UTC)).total_seconds()))
    _wait_for(where, at.limits[_CLASS])
    return (datetime.now(UTC) - at.since) / timedelta(milliseconds=1)


def _next_change(plan: Plan, now: datetime) -> Standing:
    before = at = standing(plan, None, now)
    while at.limits == before.limits and at.until is not None:
        at = standing(plan, None, at.until)
    return at


def _wait_for(where: Site, wanted: Limit) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while _limit(where) != wanted:
        if time.monotonic() > end:
            raise RuntimeError(f"the kernel has not {wanted} after {_PATIENCE_SECONDS:.0f} s")
        time.sleep(_LOOK_SECONDS)


def _suspension_ms(here: Site, there: Site) -> float:
    """Suspend at one gate; return how long it took until it was answered. The trial goes on afterwards."""
    start = time.monotonic()
    answer = ask(here.name, "POST", "/v1/trial/suspend", {"reason": "bench"})
    took_ms = (time.monotonic() - start) * 1_000
    modes = {_limit(where).mode for where in (here, there)}
    if modes != {Mode.OBSERVE} or not all(one["obeys"] for one in answer["gates"]):
        raise RuntimeError(f"a suspension is answered, and the kernels {modes}")
    ask(here.name, "POST", "/v1/trial/resume", {"reason": "bench"})
    return took_ms


def _limit(where: Site) -> Limit:
    tables, _ = read_pinned(where.name)
    return installed_limits(tables)[_CLASS]
