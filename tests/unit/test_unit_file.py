"""The unit that is shipped for systemd."""

from __future__ import annotations

from pathlib import Path

UNIT = Path(__file__).parents[2] / "etc" / "sekishod.service"


def test_it_waits_for_an_interface_however_late_it_comes() -> None:
    settings = UNIT.read_text().splitlines()
    assert "StartLimitIntervalSec=0" in settings
    assert "Restart=on-failure" in settings
