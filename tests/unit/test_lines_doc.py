"""The examples of docs/lines.md are what the program reads."""

from __future__ import annotations

import re
from pathlib import Path

from sekisho.config import Config, parse
from sekisho.lines.static import StaticList
from sekisho.lines.static_list import ListKind, read_list

DOC = (Path(__file__).parents[2] / "docs" / "lines.md").read_text()
BASE = """\
[gate]
subscriber = ["bng0"]
uplink = ["up0"]
[class.dynamic]
mode = "enforce"
cap = 5
delay = "1s"
[class.fixed]
mode = "observe"
cap = 20
delay = "0s"
[[pool]]
prefix = "198.51.100.0/24"
class = "fixed"
[[pool]]
prefix = "192.0.2.0/24"
class = "dynamic"
[[pool]]
prefix = "100.64.0.0/10"
class = "dynamic"
[[pool]]
prefix = "2001:db8::/32"
line = 56
class = "dynamic"
"""


def blocks(kind: str) -> list[str]:
    """The examples in a language, in their order."""
    return re.findall(rf"^```{kind}\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)


def good(text: str) -> Config:
    checked = parse((BASE + text).encode())
    assert checked.problems == (), checked.problems
    assert checked.config is not None
    return checked.config


def listed(text: str, kind: ListKind) -> StaticList:
    checked = read_list(text.encode(), kind, good(""))
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
    config = good("".join(tables))
    assert config.static_list is not None
    assert config.kea is not None
    assert config.radacct is not None
