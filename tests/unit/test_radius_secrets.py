"""Files with secrets: what is refused, with the reason, and never shown."""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path

import pytest

from sekisho.config import Severity
from sekisho.config.problems import Finding
from sekisho.config.schema import RadiusClientTable
from sekisho.lines.radius_reception import Client
from sekisho.lines.radius_secrets import read_clients

SECRET = b"0123456789abcdef"


def table(name: str, secret_file: str) -> RadiusClientTable:
    return RadiusClientTable.model_validate(
        {"name": name, "address": "192.0.2.1", "secret_file": secret_file}
    )


def write(file: Path, content: bytes, mode: int = 0o600) -> None:
    file.write_bytes(content)
    file.chmod(mode)


def only(directory: Path) -> Finding:
    """What is wrong with the file "bng1", whose client is left out."""
    clients, (finding,) = read_clients([table("bng1", "bng1")], directory)
    assert clients == ()
    assert finding.path == ("radius", "client", 0, "secret_file")
    assert finding.severity is Severity.ERROR
    return finding


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_secret_is_a_line_with_or_without_its_end(tmp_path: Path, end: bytes) -> None:
    write(tmp_path / "bng1", SECRET + end)
    assert read_clients([table("bng1", "bng1")], tmp_path) == (
        (Client("bng1", ip_network("192.0.2.1"), SECRET),),
        (),
    )


def test_a_secret_may_have_a_whole_path_and_belong_to_a_group(tmp_path: Path) -> None:
    write(tmp_path / "bng1", b" spaces count " * 2, 0o640)
    (client,), _ = read_clients([table("bng1", str(tmp_path / "bng1"))], Path("/nowhere"))
    assert client.secret == b" spaces count  spaces count "


def test_a_short_secret_is_used_and_warned_of(tmp_path: Path) -> None:
    write(tmp_path / "bng1", SECRET[:15])
    (client,), (finding,) = read_clients([table("bng1", "bng1")], tmp_path)
    assert client.secret == SECRET[:15]
    assert finding.severity is Severity.WARNING
    assert "15 characters" in finding.what


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_an_empty_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "bng1", content)
    assert "is empty" in only(tmp_path).what


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o644])
def test_a_secret_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    write(tmp_path / "bng1", SECRET, mode)
    finding = only(tmp_path)
    assert "is open to everyone" in finding.what
    assert finding.way_out == f"run: chmod o= {tmp_path / 'bng1'}"


def test_more_than_one_line_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "bng1", SECRET + b"\n" + SECRET + b"\n")
    assert "more than one line" in only(tmp_path).what


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "No such file" in only(tmp_path).what


@pytest.mark.timeout(10)
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bng1", 0o600)
    assert "is no file" in only(tmp_path).what


def test_all_that_is_wrong_is_told_at_once_and_no_secret_is_shown(tmp_path: Path) -> None:
    write(tmp_path / "open", SECRET, 0o644)
    write(tmp_path / "two", SECRET + b"\n" + SECRET)
    write(tmp_path / "good", SECRET)
    tables = [table(name, name) for name in ("open", "two", "good", "missing")]
    clients, findings = read_clients(tables, tmp_path)
    assert [client.name for client in clients] == ["good"]
    assert [finding.path[2] for finding in findings] == [0, 1, 3]
    assert SECRET.decode() not in repr((clients, findings))
