"""A report as plain values of JSON; docs/report.md has the keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from math import isfinite
from typing import Any

from sekisho.trial.estimate import Estimate
from sekisho.trial.report_values import NotKnown, Report
from sekisho.trial.written import written_moment


def report_json(report: Report) -> str:
    """Return the document of a report."""
    return json.dumps(written_report(report), ensure_ascii=False, indent=2) + "\n"


def written_report(report: Report) -> dict[str, Any]:
    """Write a report; what is not known is an object with `not_known`, its reason."""
    written: dict[str, Any] = written_value(report)
    return written


def written_value(value: Any) -> Any:
    """Write a value of a report, or one that is told as these are."""
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, datetime):
        return written_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): written_value(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [written_value(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    return value


def _fields(value: Any) -> dict[str, Any]:
    found = {one.name: written_value(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, NotKnown):
        found["not_known"] = found.pop("because")
        return {key: one for key, one in found.items() if one is not None}
    if isinstance(value, Estimate) and value.p is None:
        del found["p"]
    return found
