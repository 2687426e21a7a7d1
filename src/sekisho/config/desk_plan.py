"""From the tables of the desk to the policies of classes, and to what is ours."""

from __future__ import annotations

from collections.abc import Mapping

from sekisho.config.desk import DeskClassTable
from sekisho.config.schema import Config
from sekisho.desk.attribute import Ours, ours
from sekisho.desk.case_values import SUSPENSIONS, Kind
from sekisho.desk.policy import Policy


def policies_of(config: Config) -> Mapping[str, Policy]:
    """Return the policy of each class; empty where there is no desk."""
    desk = config.desk
    if desk is None:
        return {}
    usual = DeskClassTable.model_validate({})
    grave = frozenset(desk.grave)
    able = SUSPENSIONS if desk.nases else SUSPENSIONS - {Kind.LINE}
    return {name: desk.classes.get(name, usual).policy(grave, able) for name in config.classes}


def ours_of(config: Config) -> Ours:
    """Return what is ours: what lines hold by the file, and the exempt destinations as our mail servers.

    With it goes which servers of others are trusted.
    """
    return ours(
        (
            *(pool.prefix for pool in config.pools),
            *(held.network for line in config.lines for held in line.addresses),
            *(table.ipv4 for table in config.maps),
            *(table.ipv6 for table in config.maps),
            *(table.outside for table in config.nats),
        ),
        config.gate.exempt,
        () if config.desk is None else config.desk.receivers,
    )
