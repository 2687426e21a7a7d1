"""All that a report may mean: what people ask the leases who have to decide about it.

Attribution asks what is certain. This asks of every address of ours that a report names, in its field and in
each hop, at each time that is given for it; forged ones are among them, and it accuses nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from sekisho.desk.attribute import Ours, Question
from sekisho.desk.report import HostAddress, Incident

MOST_QUESTIONS: Final = 16


def suspects(
    incident: Incident, our: Ours, skew: timedelta, at: datetime | None = None
) -> tuple[Question, ...]:
    """Return who may be asked for, at a moment that somebody names, else at those that the report gives.

    What the report's own field says comes first, then the hops from the top; of many, the first are told.
    """
    told = (
        Question(address.packed, port, moment, skew)
        for address in suspected(incident, our)
        for moment in ([at] if at is not None else _moments(incident, address))
        for port in _ports(incident, address)
    )
    return tuple(islice(dict.fromkeys(told), MOST_QUESTIONS))


def suspected(incident: Incident, our: Ours) -> tuple[HostAddress, ...]:
    """Return the addresses of lines of ours that a report names."""
    named = (incident.address, *(hop.address for hop in incident.chain))
    return tuple(dict.fromkeys(one for one in named if one is not None and our.is_line(one)))


def _moments(incident: Incident, address: HostAddress) -> Iterator[datetime]:
    times = (*incident.times, *(hop.moment for hop in incident.chain if hop.address == address))
    return (one.at for one in times if one is not None and one.at is not None)


def _ports(incident: Incident, address: HostAddress) -> list[int | None]:
    of_field = [incident.port] if address == incident.address or incident.address is None else []
    of_hops = (hop.port for hop in incident.chain if hop.address == address)
    return [one for one in dict.fromkeys((*of_field, *of_hops)) if one is not None] or [None]
