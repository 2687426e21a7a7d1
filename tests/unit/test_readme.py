"""The configuration that the READMEs show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sekisho.config import parse

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.ja.md")


def shown(readme: str) -> str:
    (block,) = re.findall(r"^```toml\n(.*?)^```", (ROOT / readme).read_text(), re.MULTILINE | re.DOTALL)
    return str(block)


@pytest.mark.parametrize("readme", READMES)
def test_configuration_in_the_readme_has_fifteen_lines_and_no_faults(readme: str) -> None:
    checked = parse(shown(readme).encode())
    assert checked.config is not None
    assert checked.problems == ()
    assert sum(bool(line.strip()) for line in shown(readme).splitlines()) == 15


def test_both_readmes_show_the_same_configuration() -> None:
    english, japanese = (parse(shown(readme).encode()).config for readme in READMES)
    assert english == japanese
