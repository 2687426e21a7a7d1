"""[desk.notices] and [[desk.nas]]: who is told and who is asked, and all that is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.config import Severity
from sekisho.daemon.reading import read_whole
from tests.unit.configuring import good, pool, problems
from tests.unit.test_config_desk import WHOLE

JA = '[desk.notices.ja]\nprovider = "サンプル通信"\ncontact = "お客様窓口"\n'
NAS = '[[desk.nas]]\nname = "bng1"\naddress = "192.0.2.1"\nsecret_file = "coa"\npools = ["100.64.0.0/16"]\n'
COA = 'suspend = { "Filter-Id" = "x" }\nrestore = { "Filter-Id" = "y", "4874.65" = "z" }\n'
OTHER = NAS.replace("bng1", "bng2").replace("100.64.0.0/16", "192.0.2.0/24")
NAMED = 'nas = "edge"\n'
LINES = '[desk.class.dynamic]\nsuspension = "line-suspension"\n'
ELSEWHERE = NAS.replace("100.64.0.0/16", "2001:db8::/32")


def test_what_is_written_is_read() -> None:
    desk = good(WHOLE + JA + NAS + COA).desk
    assert desk is not None
    assert desk.notices is not None
    assert list(desk.notices.words) == ["ja"]
    (nas,) = desk.nases
    assert nas.address == ("192.0.2.1", 3799)
    assert nas.restore == {"Filter-Id": "y", "4874.65": "z"}
    value = nas.value()
    assert (value.suspend, value.identifier) == (((11, b"x"),), None)
    (six,) = good(WHOLE + NAS + 'nas = "2001:DB8::1"\n').desk.nases  # type: ignore[union-attr]
    assert six.value().identifier == "2001:db8::1"


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ("[desk.notices]\n", "desk.notices", "no language"),
        ("[desk.notices]\nzone = 'Tokyo'\n" + JA, "desk.notices.zone", '"Tokyo" is no time zone'),
        (JA.replace("contact", "contakt"), "desk.notices.ja.contakt", "unknown"),
        (JA.replace("サンプル通信", ""), "desk.notices.ja.provider", "tells nothing"),
        ("[desk.notices]\nacknowledge = 'yes'\n" + JA, "desk.notices.acknowledge", "neither true"),
        (NAS.replace("192.0.2.1", "bng1.example.net"), "desk.nas[0].address", "is no address"),
        (NAS.replace("192.0.2.1", "192.0.2.1:0"), "desk.nas[0].address", "is no address"),
        (NAS.replace("192.0.2.1", "0.0.0.0"), "desk.nas[0].address", "is no address"),
        (NAS.replace('"100.64.0.0/16"', ""), "desk.nas[0].pools", "never be asked"),
        (NAS + NAS.replace("bng1", "bng2"), "desk.nas[1].pools[0]", "overlaps"),
        (NAS + NAS.replace("100.64.0.0/16", "192.0.2.0/24"), "desk.nas[1].name", "is there twice"),
        (NAS + 'suspend = { "User-Password" = "x" }\n', "desk.nas[0].suspend", "User-Password"),
        (NAS + 'suspend = { "Session-Timeout" = "60" }\n', "desk.nas[0].suspend", "a number"),
        (NAS + 'suspend = { "Filter-Id" = true }\n', "desk.nas[0].suspend", "no text"),
        (NAS + 'suspend = "closed"\n', "desk.nas[0].suspend", "no table"),
        (NAS + f'nas = "{"é" * 127}"\n', "desk.nas[0].nas", "this one 254"),
        (NAS + "nas = 1\n", "desk.nas[0].nas", "not a text"),
        (NAS + NAMED + OTHER + NAMED, "desk.nas[1].nas", "is there twice"),
        (NAS + 'suspend = { "Filter-Id" = "x" }\n', "desk.nas[0].restore", "stays set"),
        (NAS + 'restore = { "Filter-Id" = "x" }\n', "desk.nas[0].restore", "nothing to set back"),
        ("[desk.nas]\n", "desk.nas", "list of tables"),
        (LINES, "desk.class.dynamic.suspension", "nothing would be suspended but port 25"),
        (LINES + ELSEWHERE, "desk.class.dynamic.suspension", "nothing would be suspended but port 25"),
        (pool("192.0.2.0/24") + LINES + NAS, "desk.class.dynamic.suspension", "its lines would lose nothing"),
    ],
)
def test_a_fault_names_the_key(text: str, key: str, what: str) -> None:
    (problem,) = (one for one in problems(WHOLE + text) if one.key == key)
    assert what in problem.what
    assert problem.way_out


def test_whole_lines_are_suspended_where_a_nas_has_them() -> None:
    good(WHOLE + LINES + NAS)
    good(WHOLE + NAS + LINES.replace("dynamic", "fixed"))  # whose lines a list tells, pools or none
    unreadable = NAS.replace("192.0.2.1", "bng1.example.net")
    assert [one.key for one in problems(WHOLE + LINES + unreadable)] == ["desk.nas[0].address"]


def test_files_that_are_named_are_judged_too(tmp_path: Path) -> None:
    file = tmp_path / "sekisho.toml"
    file.write_text(WHOLE + JA.replace("[desk", '[desk.notices]\ntemplates = "own"\n[desk', 1) + NAS)
    (tmp_path / "secrets").mkdir()
    found = {one.key: one for one in read_whole(file).problems}
    assert found["desk.nas[0].secret_file"].severity is Severity.ERROR
    assert "cannot be read" in found["desk.notices.templates"].what
    secret = tmp_path / "coa"
    secret.write_text("short")
    secret.chmod(0o600)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "relief.ja.j2").write_text("Subject: x\n\n{% for %}\n")
    found = {one.key: one for one in read_whole(file).problems}
    assert found["desk.nas[0].secret_file"].severity is Severity.WARNING
    assert "own/relief.ja.j2:3: " in found["desk.notices.templates"].what
