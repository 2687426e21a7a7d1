"""The unit that is shipped for systemd."""

from __future__ import annotations

from pathlib import Path

UNIT = Path(__file__).parents[2] / "etc" / "sekishod.service"


def test_it_waits_for_an_interface_however_late_it_comes() -> None:
    settings = UNIT.read_text().splitlines()
    assert "StartLimitIntervalSec=0" in settings
    assert "Restart=on-failure" in settings


def test_kea_is_let_in_by_a_group_and_not_by_a_capability() -> None:
    drop_in = (UNIT.with_name("sekishod.service.d") / "kea.conf").read_text().splitlines()
    assert "SupplementaryGroups=_kea" in drop_in
    assert "CAP_CHOWN" not in UNIT.read_text()
