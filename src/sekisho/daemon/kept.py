"""What is in force at a gate: by the file, by the trial, by operators."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sekisho.api.models import RefusedReload
from sekisho.api.problems import RefusalError
from sekisho.config import Config, cap_beyond
from sekisho.gate import Tables
from sekisho.model import Limit, Roster
from sekisho.plan import LimitChange, Overrides, file_limits, too_many_delays, trial_limits
from sekisho.trial.standing import Standing


@dataclass(frozen=True, slots=True)
class Kept:
    """What is in force: replaced whole, so that a reader never sees half of a change.

    `of_file`: the lines of the file. `tables`: the kernel's without those of known lines, which only the
    kernel has.
    """

    config: Config
    digest: str
    standing: Standing | None
    overrides: Overrides
    of_file: Roster
    tables: Tables
    loaded_at: datetime
    refused: RefusedReload | None = None

    def limits(self) -> dict[str, Limit]:
        """Return the limit of each class."""
        return {**self.planned(), **self.overrides}

    def over_file(self) -> dict[str, Limit]:
        """Return the limits that trial and operators have put over the file's."""
        return {**trial_limits(self.standing), **self.overrides}

    def planned(self) -> dict[str, Limit]:
        """Return the limit that file and trial give each class."""
        return {**file_limits(self.config), **trial_limits(self.standing)}

    def changed(self, class_name: str, change: LimitChange, file: str) -> Kept:
        """Return it with what an operator changes of a class's limit; the tables are those before.

        `file`: the configuration's name in messages. Raises RefusalError.
        """
        if class_name not in (limits := self.limits()):
            known = ", ".join(sorted(limits)) or "none"
            detail = f"there is no class {class_name!r} in {file}: there are: {known}"
            raise RefusalError(404, "unknown-class", "There is no such class", detail)
        self._refuse_where_held(class_name)
        limit = change.of(limits[class_name])
        if (wrong := cap_beyond(limit.cap, self.config.gate.slots)) is not None:
            raise RefusalError(422, "invalid", "The cap cannot be", ": ".join(wrong))
        overrides = {**self.overrides, class_name: limit}
        if limit == self.planned()[class_name]:
            del overrides[class_name]
        if (too_many := too_many_delays(self.config, overrides, self.standing)) is not None:
            raise RefusalError(422, "invalid", "The delay cannot be", too_many)
        return replace(self, overrides=overrides)

    def _refuse_where_held(self, class_name: str) -> None:
        """Refuse another limit than the plan's while a trial holds a class."""
        if self.standing is not None and class_name in self.standing.holds:
            detail = (
                f"trial {self.standing.plan.name!r} gives class {class_name!r} its limits, and others would "
                "spoil what it measures: suspend it first, by `sekisho trial suspend --reason …`"
            )
            raise RefusalError(409, "trial", "The trial decides about this class", detail)
