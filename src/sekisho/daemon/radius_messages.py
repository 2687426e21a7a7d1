"""What the daemon and the process that hears RADIUS accounting say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from sekisho.lines.radius import Naming
from sekisho.lines.radius_reception import Client
from sekisho.lines.radius_server import RadiusState


@dataclass(frozen=True, slots=True)
class Begin:
    """Listen at (address, port)s; the answer is None, or why that cannot be. `url`: of the store."""

    listen: tuple[tuple[str, int], ...]
    clients: tuple[Client, ...]
    naming: tuple[Naming, ...]
    url: str


@dataclass(frozen=True, slots=True)
class Follow:
    """Hear other clients from now on; the answer is None."""

    clients: tuple[Client, ...]
    naming: tuple[Naming, ...]


class Ask(Enum):
    """What has no values of its own. The answer to STATE is a Report; to STOP it is None, at the end."""

    STATE = auto()
    STOP = auto()


@dataclass(frozen=True, slots=True)
class Report:
    """How the work goes. `misfits`: how much was refused at the journal's door."""

    radius: RadiusState
    misfits: int
