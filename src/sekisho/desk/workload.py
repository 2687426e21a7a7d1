"""What waits at the desk, in numbers: of whom is not told, so that a metric may have all of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sekisho.desk.actions import Progress
from sekisho.desk.case_values import Kind

NOT_ATTRIBUTED: Final = "not-attributed"
"""Why a report that was understood is in people's queue; those that were not have a `Why`."""

IGNORED_WITHIN: Final = timedelta(hours=1)
"""How long a party is counted whose report counted for nothing."""


class Waiting(NamedTuple):
    """How many wait, and since when the oldest."""

    number: int
    since: datetime


class Workload(NamedTuple):
    """What waits at the desk.

    `queued`: reports in people's queue by why. `marked`: open cases that people have to look at. `actions`:
    what is asked and not seen to hold. `notices`: None where all are sent. `ignored`: parties of which
    reports of the last hour counted for nothing, by weight.
    """

    unread: int
    queued: Mapping[str, int]
    proposals: int
    marked: int
    actions: Mapping[tuple[Kind, Progress], Waiting]
    notices: Waiting | None
    ignored: Mapping[str, int]
