"""[trial] and the tables in it, each read on its own, so that a fault in one hides none in another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sekisho.config.explain import unknown_key
from sekisho.config.notice import LANGUAGES, NoticeTable
from sekisho.config.problems import Finding, Path
from sekisho.config.reader import Reader
from sekisho.config.trial import (
    ChangeTable,
    GuardrailsTable,
    MaintenanceTable,
    PhaseTable,
    SwitchbackTable,
    TrialTable,
)
from sekisho.config.values import toml

TRIAL: Path = ("trial",)
SWITCHBACK: Path = (*TRIAL, "switchback")
PHASES: Path = (*TRIAL, "phase")
MAINTENANCE: Path = (*TRIAL, "maintenance")
GUARDRAILS: Path = (*TRIAL, "guardrails")
NOTICE: Path = (*TRIAL, "notice")
_INNER = ("phase", "switchback", "maintenance", "guardrails", "notice")


@dataclass(frozen=True)
class TrialDraft:
    """The tables of the trial that could be read; those of arrays by their place in the file."""

    table: TrialTable | None
    phases: Mapping[int, PhaseTable]
    switchback: SwitchbackTable | None
    maintenance: Mapping[int, MaintenanceTable]
    guardrails: GuardrailsTable | None
    notice: Mapping[str, NoticeTable]


def read_trial(reader: Reader, data: Mapping[str, Any]) -> TrialDraft | None:
    """Read [trial], if there is one, and what stands in it."""
    if "trial" not in data:
        return None
    entry = data["trial"]
    inner = entry if isinstance(entry, dict) else {}
    own = {key: value for key, value in inner.items() if key not in _INNER}
    return TrialDraft(
        table=reader.table(TrialTable, own if inner else entry, TRIAL),
        phases=dict(_phases(reader, inner)),
        switchback=(
            reader.table(SwitchbackTable, inner["switchback"], SWITCHBACK) if "switchback" in inner else None
        ),
        maintenance=reader.tables(MaintenanceTable, MAINTENANCE, enumerate(reader.array(inner, MAINTENANCE))),
        guardrails=reader.table(GuardrailsTable, inner.get("guardrails", {}), GUARDRAILS),
        notice=_notice(reader, inner.get("notice", {})),
    )


def finish_trial(draft: TrialDraft) -> TrialTable:
    """Make the trial of a draft in which nothing is wrong."""
    if draft.table is None:
        raise ValueError("a draft whose [trial] cannot be read has an error")
    inner = {
        "phases": tuple(draft.phases.values()),
        "switchback": draft.switchback,
        "maintenance": tuple(draft.maintenance.values()),
        "guardrails": draft.guardrails,
        "notice": dict(draft.notice),
    }
    return draft.table.model_copy(update=inner)


def _notice(reader: Reader, notice: Any) -> Mapping[str, NoticeTable]:
    if not isinstance(notice, dict):
        way_out = "write it as [trial.notice.en] or [trial.notice.ja]"
        reader.findings.append(Finding(NOTICE, f"{toml(notice)} is no table", way_out))
        return {}
    reader.findings += (unknown_key((*NOTICE, key), LANGUAGES) for key in notice if key not in LANGUAGES)
    known = ((key, one) for key, one in notice.items() if key in LANGUAGES)
    return reader.tables(NoticeTable, NOTICE, known)


def _phases(reader: Reader, inner: Mapping[str, Any]) -> Iterator[tuple[int, PhaseTable]]:
    for index, entry in enumerate(reader.array(inner, PHASES)):
        path: Path = (*PHASES, index)
        parts = entry if isinstance(entry, dict) else {}
        own = {key: value for key, value in parts.items() if key != "class"}
        table = reader.table(PhaseTable, own if parts else entry, path)
        limits = _limits(reader, parts, (*path, "class"))
        if table is not None:
            yield index, table.model_copy(update={"classes": limits})


def _limits(reader: Reader, phase: Mapping[str, Any], path: Path) -> Mapping[str, ChangeTable]:
    limits = phase.get("class", {})
    if phase and not (isinstance(limits, dict) and limits):
        what = f"{toml(limits)} names no class" if limits else "the phase changes the limit of no class"
        reader.findings.append(Finding(path, what, "add a line such as: class.dynamic = { cap = 3 }"))
        return {}
    return reader.tables(ChangeTable, path, limits.items())
