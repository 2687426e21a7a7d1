"""The tables of the file, each read on its own, so that a fault in one hides none in another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from sekisho.config.explain import explain, unknown_key
from sekisho.config.problems import Finding, Path, dotted
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
    Table,
)
from sekisho.config.values import read_name, toml, words

_TOP_KEYS = ("class", "gate", "kea", "line", "lines", "map", "nat", "pool", "radacct", "radius", "store")
_T = TypeVar("_T", bound=Table)
_Key = TypeVar("_Key", str, int)


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
    )


def _users(key: str, entries: Iterable[Any]) -> Iterator[tuple[Path, str]]:
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and isinstance(name := entry.get("class"), str):
            yield (key, index, "class"), name


@dataclass
class Reader:
    """Reads tables one by one, and gathers what is wrong with them."""

    findings: list[Finding] = field(default_factory=list)

    def gate(self, data: Mapping[str, Any]) -> GateTable | None:
        """Read [gate], which there must be."""
        if "gate" not in data:
            way_out = "add one that names the interfaces: `subscriber` and `uplink`"
            self.findings.append(Finding((), "there is no [gate]", way_out))
            return None
        return self.table(GateTable, data["gate"], ("gate",))

    def mapping(self, data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Read the table of named tables under `key`, and judge the names."""
        value = data.get(key, {})
        if not isinstance(value, dict):
            self.findings.append(Finding((key,), f"{toml(value)} is no table", f"write it as [{key}.NAME]"))
            return {}
        for name in value:
            self.name(name, (key, name))
        return value

    def name(self, name: str, path: Path) -> None:
        """Judge the name of a table."""
        try:
            read_name(name)
        except PydanticCustomError as fault:
            self.findings.append(Finding(path, *words(fault)))

    def array(self, data: Mapping[str, Any], path: Path) -> Sequence[Any]:
        """Read the array of tables that stands at `path`, in `data` under the last part of it."""
        value = data.get(str(path[-1]), [])
        if not isinstance(value, list):
            what = f"{dotted(path)} is a list of tables"
            self.findings.append(Finding(path, what, f"write its header as [[{dotted(path)}]]"))
            return ()
        return value

    def parted(self, data: Mapping[str, Any], key: str, inner: str) -> tuple[Any, Sequence[Any]]:
        """Part [key] from the [[key.inner]] in it, so that a fault in one hides none in another."""
        value = data.get(key)
        if not isinstance(value, dict):
            return value, ()
        rest = {name: one for name, one in value.items() if name != inner}
        return rest, self.array(value, (key, inner))

    def tables(self, model: type[_T], path: Path, entries: Iterable[tuple[_Key, Any]]) -> dict[_Key, _T]:
        """Read the tables that stand at `path`; those that cannot be read are told and left out."""
        read = ((at, self.table(model, entry, (*path, at))) for at, entry in entries)
        return {at: table for at, table in read if table is not None}

    def optional(self, model: type[_T], data: Mapping[str, Any], key: str) -> _T | None:
        """Read the table under `key`, if there is one."""
        return self.table(model, data[key], (key,)) if key in data else None

    def table(self, model: type[_T], entry: Any, path: Path) -> _T | None:
        """Read one table; what is wrong is told, and the rest read without it."""
        try:
            return model.model_validate(entry)
        except ValidationError as error:
            self.findings += explain(model, error, path)
            if not isinstance(entry, dict):
                return None
            wrong = {fault["loc"][0] for fault in error.errors()}
            return _readable(model, {key: value for key, value in entry.items() if key not in wrong})


def _readable(model: type[_T], entry: Mapping[str, Any]) -> _T | None:
    try:
        return model.model_validate(entry)
    except ValidationError:
        return None  # what is wrong has been told
