"""What the keeper writes into the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import structlog

from sekisho.api.models import LimitValue
from sekisho.config import Problem
from sekisho.model import Limit

log = structlog.get_logger()


def tell_differences(
    in_kernel: Mapping[str, Limit], in_file: Mapping[str, Limit], by_trial: Mapping[str, Limit]
) -> None:
    """Say where the limits of a gate that is taken over give way to the file's, or to the trial's over it."""
    for name, limit in {**in_file, **by_trial}.items():
        before = in_kernel.get(name)
        if before is not None and before != limit:
            was = {f"was_{key}": value for key, value in shown(name, before).items() if key != "class_name"}
            whose = "trial" if name in by_trial else "file"
            what = f"the {whose}'s limit replaces the one found in the kernel"
            log.warning(what, **shown(name, limit), **was)


def tell_problems(file: str, problems: Iterable[Problem]) -> None:
    """Log where a file is wrong; without the values, which may be addresses of lines."""
    for problem in problems:
        log.error("configuration refused", file=file, line=problem.line, key=problem.key)
    log.error("the old configuration stays in force", way_out=f"sekisho check {file}")


def shown(class_name: str, limit: Limit) -> dict[str, str | int]:
    """Return a limit as fields of a log entry."""
    return {"class_name": class_name, **LimitValue.of(limit).model_dump(mode="json")}
