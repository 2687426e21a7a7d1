"""Reads the tables of the file one by one, and gathers what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from sekisho.config.explain import explain
from sekisho.config.problems import Finding, Path, dotted
from sekisho.config.schema import GateTable
from sekisho.config.table import Table
from sekisho.config.values import read_name, toml, words

_T = TypeVar("_T", bound=Table)
_Key = TypeVar("_Key", str, int)


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
