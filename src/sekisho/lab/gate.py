"""The gate under test: `sekisho gate …` as an operator types it, in the gate's namespace."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path

from sekisho.durations import format_ms
from sekisho.lab.accounting import NAS
from sekisho.lab.measure import GateCounts
from sekisho.lab.programs import RADIUS_PORT, RADIUS_SECRET
from sekisho.lab.topology import (
    ACCESS_RADIUS,
    GATE_RADIUS,
    GATE_SUBSCRIBER,
    GATE_UPLINK,
    IPV4_POOL,
    IPV6_LINE_LENGTH,
    IPV6_POOL,
    OWN_SERVERS,
    LabError,
)
from sekisho.model import Limit

CLASS = "dynamic"
COMMAND = Path(sysconfig.get_path("scripts")) / "sekisho"


def name(run: str) -> str:
    """Name the run's gate: its pins and its socket bear this name."""
    return f"lab-{run}"


def config(run: str, limit: Limit, directory: Path) -> str:
    """Write the gate's config file, which is to be in `directory` as the secret is, and its store."""
    return f"""\
[gate]
name       = "{name(run)}"
subscriber = ["{GATE_SUBSCRIBER}"]
uplink     = ["{GATE_UPLINK}"]
exempt     = ["{OWN_SERVERS}"]

[store]
url = "sqlite:///{directory}/lines.db"

[radius]
listen = ["{GATE_RADIUS}:{RADIUS_PORT}"]

[[radius.client]]
name        = "{NAS}"
address     = "{ACCESS_RADIUS}"
secret_file = "{RADIUS_SECRET}"

[[pool]]
prefix = "{IPV4_POOL}"
class  = "{CLASS}"

[[pool]]
prefix = "{IPV6_POOL}"
line   = {IPV6_LINE_LENGTH}
class  = "{CLASS}"

[class.{CLASS}]
mode   = "{limit.mode}"
cap    = {limit.cap}
delay  = "{format_ms(limit.delay_ms)}"
excess = "{limit.excess}"
"""


def up_argv(config_file: Path) -> tuple[str, ...]:
    """Attach the gate and run it in the foreground."""
    return (str(COMMAND), "gate", "up", "--config", str(config_file))


def set_argv(config_file: Path, limit: Limit) -> tuple[str, ...]:
    """Switch the class to another limit."""
    values = ("--mode", str(limit.mode), "--cap", str(limit.cap), "--delay", format_ms(limit.delay_ms))
    return (str(COMMAND), "gate", "set", CLASS, *values, "--config", str(config_file))


def status_argv(config_file: Path) -> tuple[str, ...]:
    """Ask for state and counters as JSON."""
    return (str(COMMAND), "gate", "status", "--json", "--config", str(config_file))


def down_argv(config_file: Path) -> tuple[str, ...]:
    """Detach the gate and remove its pins."""
    return (str(COMMAND), "gate", "down", "--config", str(config_file))


def trial_argv(config_file: Path, act: str) -> tuple[str, ...]:
    """Act on the trial, or ask about it; the answer is JSON."""
    return (str(COMMAND), "trial", act, "--json", "--config", str(config_file))


def desk_argv(config_file: Path, act: str, *words: str) -> tuple[str, ...]:
    """Act at the desk, or ask it; the answer is JSON."""
    return (str(COMMAND), "desk", act, *words, "--json", "--config", str(config_file))


def counts(status: str) -> GateCounts:
    """Read the class's counters from `gate status --json`. Raises LabError when they are not there."""
    try:
        found = json.loads(status)["classes"][CLASS]
        return GateCounts(int(found["admitted"]), int(found["refused"]), int(found["held"]))
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"the gate's status has no counters of class {CLASS}: {status[:200]}") from error
