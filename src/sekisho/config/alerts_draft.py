"""[alerts] and the tables in it, each read on its own, so that a fault in one hides none in another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sekisho.config.alerts import AlertsTable, MailTable, WebhookTable
from sekisho.config.explain import unknown_key
from sekisho.config.problems import Finding
from sekisho.config.reader import Reader
from sekisho.config.values import toml


def read_alerts(reader: Reader, data: Mapping[str, Any]) -> AlertsTable | None:
    """Read [alerts], if there is one, each of its tables on its own."""
    if "alerts" not in data:
        return None
    entry = data["alerts"]
    if not isinstance(entry, dict):
        way_out = "write it as [alerts.webhook] or [alerts.mail]"
        reader.findings.append(Finding(("alerts",), f"{toml(entry)} is no table", way_out))
        return None
    known = AlertsTable.model_fields
    reader.findings += (unknown_key(("alerts", key), known) for key in entry if key not in known)
    webhook, mail = ("alerts", "webhook"), ("alerts", "mail")
    return AlertsTable(
        webhook=reader.table(WebhookTable, entry["webhook"], webhook) if "webhook" in entry else None,
        mail=reader.table(MailTable, entry["mail"], mail) if "mail" in entry else None,
    )
