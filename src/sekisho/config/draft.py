"""The tables of the file, each read on its own, so that a fault in one hides none in another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sekisho.config.alerts import AlertsTable
from sekisho.config.alerts_draft import read_alerts
from sekisho.config.desk_draft import DeskDraft, finish_desk, read_desk
from sekisho.config.explain import unknown_key
from sekisho.config.private import PrivateTable
from sekisho.config.problems import Finding, Path
from sekisho.config.reader import Reader
from sekisho.config.schema import (
    ClassTable,
    Config,
    GateTable,
    KeaTable,
    LineTable,
    ListTable,
    MapTable,
    NatTable,
    PoolTable,
    RadacctTable,
    RadiusClientTable,
    RadiusTable,
    StoreTable,
)
from sekisho.config.trial_draft import TrialDraft, finish_trial, read_trial

_TOP_KEYS = (
    *("alerts", "class", "desk", "gate", "kea", "line", "lines", "map", "nat", "pool", "private", "radacct"),
    *("radius", "store", "trial"),
)


@dataclass(frozen=True)
class Draft:
    """The tables that could be read.

    `declared` also names the classes that could not; `users` are the keys that name a class, with
    the name; `told` are the keys with which something is wrong already.
    """

    gate: GateTable | None
    classes: Mapping[str, ClassTable]
    declared: frozenset[str]
    pools: Mapping[int, PoolTable]
    lines: Mapping[int, LineTable]
    maps: Mapping[int, MapTable]
    nats: Mapping[int, NatTable]
    radius: RadiusTable | None
    radius_clients: Mapping[int, RadiusClientTable]
    static_list: ListTable | None
    store: StoreTable | None
    kea: KeaTable | None
    radacct: RadacctTable | None
    trial: TrialDraft | None
    alerts: AlertsTable | None
    desk: DeskDraft | None
    private: PrivateTable | None
    users: tuple[tuple[Path, str], ...]
    told: frozenset[Path]


def read_draft(data: Mapping[str, Any]) -> tuple[Draft, tuple[Finding, ...]]:
    """Read what tomllib made of the file; return what is readable, and what is wrong with the rest."""
    reader = Reader()
    reader.findings += (unknown_key((key,), _TOP_KEYS) for key in data if key not in _TOP_KEYS)
    classes = reader.mapping(data, "class")
    pools, lines = reader.array(data, ("pool",)), reader.array(data, ("line",))
    maps, nats = reader.array(data, ("map",)), reader.array(data, ("nat",))
    radius, radius_clients = reader.parted(data, "radius", "client")
    draft = Draft(
        gate=reader.gate(data),
        classes=reader.tables(ClassTable, ("class",), classes.items()),
        declared=frozenset(classes),
        pools=reader.tables(PoolTable, ("pool",), enumerate(pools)),
        lines=reader.tables(LineTable, ("line",), enumerate(lines)),
        maps=reader.tables(MapTable, ("map",), enumerate(maps)),
        nats=reader.tables(NatTable, ("nat",), enumerate(nats)),
        radius=None if radius is None else reader.table(RadiusTable, radius, ("radius",)),
        radius_clients=reader.tables(RadiusClientTable, ("radius", "client"), enumerate(radius_clients)),
        static_list=reader.optional(ListTable, data, "lines"),
        store=reader.optional(StoreTable, data, "store"),
        kea=reader.optional(KeaTable, data, "kea"),
        radacct=reader.optional(RadacctTable, data, "radacct"),
        trial=read_trial(reader, data),
        alerts=read_alerts(reader, data),
        desk=read_desk(reader, data),
        private=reader.optional(PrivateTable, data, "private"),
        users=(
            *_users("pool", pools),
            *_users("line", lines),
            *_users("map", maps),
            *_users("nat", nats),
        ),
        told=frozenset(finding.path for finding in reader.findings),
    )
    return draft, tuple(reader.findings)


def finish(draft: Draft) -> Config:
    """Make the configuration of a draft in which nothing is wrong."""
    if draft.gate is None:
        raise ValueError("a draft without [gate] has an error")
    return Config(
        gate=draft.gate,
        classes=dict(draft.classes),
        pools=tuple(draft.pools.values()),
        lines=tuple(draft.lines.values()),
        maps=tuple(draft.maps.values()),
        nats=tuple(draft.nats.values()),
        radius=draft.radius,
        radius_clients=tuple(draft.radius_clients.values()),
        static_list=draft.static_list,
        store=draft.store,
        kea=draft.kea,
        radacct=draft.radacct,
        trial=None if draft.trial is None else finish_trial(draft.trial),
        alerts=draft.alerts,
        desk=None if draft.desk is None else finish_desk(draft.desk),
        private=draft.private,
    )


def _users(key: str, entries: Iterable[Any]) -> Iterator[tuple[Path, str]]:
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and isinstance(name := entry.get("class"), str):
            yield (key, index, "class"), name
