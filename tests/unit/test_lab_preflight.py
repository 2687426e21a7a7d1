"""What the laboratory asks of a machine before it touches it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sekisho.lab import gate
from sekisho.lab.run import preflight
from sekisho.lab.topology import LabError


@pytest.fixture(autouse=True)
def _root_with_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every need is met; each test takes one away."""
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(gate, "COMMAND", tmp_path / "sekisho")
    (tmp_path / "sekisho").touch()


def test_a_machine_with_everything_passes() -> None:
    preflight()


def test_who_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="run it as root"):
        preflight()


def test_missing_programs_are_named_by_their_debian_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {"swaks", "smtp-sink", "smtp-source"}
    monkeypatch.setattr(shutil, "which", lambda name: None if name in missing else f"/usr/bin/{name}")
    with pytest.raises(LabError, match=r"apt-get install postfix swaks$"):
        preflight()


def test_a_gate_that_is_not_installed_is_named(tmp_path: Path) -> None:
    (tmp_path / "sekisho").unlink()
    with pytest.raises(LabError, match="sekisho is missing: install the package"):
        preflight()
