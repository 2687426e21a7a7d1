"""The examples of docs/lines.md are what the program reads."""

from __future__ import annotations

import re
from pathlib import Path

from sekisho.lines.static import StaticList
from sekisho.lines.static_list import ListKind, read_list
from tests.unit.configuring import DYNAMIC, FIXED, GATE, IPV6_POOL, good, pool

DOC = (Path(__file__).parents[2] / "docs" / "lines.md").read_text()
BASE = GATE + DYNAMIC + FIXED + IPV6_POOL + pool("100.64.0.0/10")
BASE += pool("198.51.100.0/24", "fixed") + pool("192.0.2.0/24")


def blocks(kind: str) -> list[str]:
    """The examples in a language, in their order."""
    return re.findall(rf"^```{kind}\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)


def listed(text: str, kind: ListKind) -> StaticList:
    checked = read_list(text.encode(), kind, good(BASE))
    assert checked.problems == ()
    assert checked.lines is not None
    return checked.lines


def test_the_lists() -> None:
    (in_csv,) = blocks("csv")
    (in_toml,) = (block for block in blocks("toml") if block.startswith("[[line]]"))
    every, one = listed(in_csv, ListKind.CSV), listed(in_toml, ListKind.TOML)
    assert len(every.lines) == 4
    assert one.lines == {"office-17": every.lines["office-17"]}
    assert one.addresses == {key: name for key, name in every.addresses.items() if name == "office-17"}


def test_the_tables_of_the_configuration() -> None:
    tables = [block for block in blocks("toml") if not block.startswith("[[line]]")]
    config = good(BASE + "".join(tables))
    assert config.static_list is not None
    assert config.kea is not None
    assert config.radacct is not None
