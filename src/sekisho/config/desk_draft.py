"""[desk] and the tables in it, each read on its own, so that a fault in one hides none in another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sekisho.config.desk import DeskClassTable, DeskTable, StepTable
from sekisho.config.desk_intake import DeskIntakeTable
from sekisho.config.desk_nas import NasTable
from sekisho.config.desk_notices import NoticesTable, WordsTable
from sekisho.config.notice import LANGUAGES
from sekisho.config.problems import Finding, Path
from sekisho.config.reader import Reader
from sekisho.config.values import toml
from sekisho.desk.policy import Step

DESK: Path = ("desk",)
CLASSES: Path = (*DESK, "class")
NOTICES: Path = (*DESK, "notices")
NASES: Path = (*DESK, "nas")
INTAKE: Path = (*DESK, "intake")
STEPS = ("stop_request", "limit", "proposal")
NEVER = "never"
_STEP = 'write it as in { reporters = 2, within = "7d" } or { incidents = 50, within = "7d" }, or "never"'
_INNER = ("class", "intake", "notices", "nas")


@dataclass(frozen=True)
class DeskDraft:
    """The tables of the desk that could be read."""

    table: DeskTable | None
    classes: Mapping[str, DeskClassTable]
    intake: DeskIntakeTable | None = None
    notices: NoticesTable | None = None
    nases: Mapping[int, NasTable] = field(default_factory=dict)


def read_desk(reader: Reader, data: Mapping[str, Any]) -> DeskDraft | None:
    """Read [desk], if there is one, and what stands in it."""
    if "desk" not in data:
        return None
    entry = data["desk"]
    inner = entry if isinstance(entry, dict) else {}
    own = {key: value for key, value in inner.items() if key not in _INNER}
    return DeskDraft(
        table=reader.table(DeskTable, own if isinstance(entry, dict) else entry, DESK),
        classes=dict(_classes(reader, inner.get("class", {}))),
        intake=reader.table(DeskIntakeTable, inner["intake"], INTAKE) if "intake" in inner else None,
        notices=_notices(reader, inner),
        nases=reader.tables(NasTable, NASES, enumerate(reader.array(inner, NASES))),
    )


def finish_desk(draft: DeskDraft) -> DeskTable:
    """Make the desk of a draft in which nothing is wrong."""
    if draft.table is None:
        raise ValueError("a draft whose [desk] cannot be read has an error")
    inner = {
        "classes": dict(draft.classes),
        "intake": draft.intake,
        "notices": draft.notices,
        "nases": tuple(draft.nases.values()),
    }
    return draft.table.model_copy(update=inner)


def desk_users(draft: DeskDraft | None) -> Iterator[tuple[Path, str]]:
    """Name the keys that name a class, which there must be."""
    for name in () if draft is None else draft.classes:
        yield (*CLASSES, name), name


def _notices(reader: Reader, desk: Mapping[str, Any]) -> NoticesTable | None:
    """Read [desk.notices], if there is one, each of its languages on its own."""
    if "notices" not in desk:
        return None
    entry = desk["notices"]
    parts = entry if isinstance(entry, dict) else {}
    own = {key: value for key, value in parts.items() if key not in LANGUAGES}
    table = reader.table(NoticesTable, own if isinstance(entry, dict) else entry, NOTICES)
    words = {
        language: reader.table(WordsTable, parts[language], (*NOTICES, language))
        for language in LANGUAGES
        if language in parts
    }
    return None if table is None else table.model_copy(update=words)


def _classes(reader: Reader, classes: Any) -> Iterator[tuple[str, DeskClassTable]]:
    if not isinstance(classes, dict):
        what = f"{toml(classes)} is no table"
        reader.findings.append(Finding(CLASSES, what, "write it as [desk.class.NAME]"))
        return
    for name, entry in classes.items():
        path: Path = (*CLASSES, name)
        parts = entry if isinstance(entry, dict) else {}
        own = {key: value for key, value in parts.items() if key not in STEPS}
        table = reader.table(DeskClassTable, own if isinstance(entry, dict) else entry, path)
        steps = dict(_steps(reader, parts, path))
        if table is not None:
            yield name, table.model_copy(update=steps)


def _steps(reader: Reader, parts: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Step | None]]:
    for key in STEPS:
        entry = parts.get(key)
        if entry == NEVER:
            yield key, None
        elif isinstance(entry, dict):
            table = reader.table(StepTable, entry, (*path, key))
            if table is not None and table.reporters is None and table.incidents is None:
                what = "it names neither reporters nor incidents"
                reader.findings.append(Finding((*path, key), what, _STEP))
            elif table is not None:
                yield key, table.step
        elif entry is not None:
            reader.findings.append(Finding((*path, key), f"{toml(entry)} is no step", _STEP))
