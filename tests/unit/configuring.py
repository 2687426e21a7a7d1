"""Pieces of a configuration to put together, and what is read of them."""

from __future__ import annotations

from pathlib import Path

from sekisho.config import Config, Problem, parse

SHIPPED = Path(__file__).parents[2] / "etc" / "sekisho.toml"
GATE = '[gate]\nsubscriber = ["bng0"]\nuplink = ["up0"]\n'
DYNAMIC = '[class.dynamic]\nmode = "enforce"\ncap = 5\ndelay = "1s"\n'
FIXED = '[class.fixed]\nmode = "observe"\ncap = 20\ndelay = "0s"\n'


def pool(prefix: str, class_name: str = "dynamic") -> str:
    return f'[[pool]]\nprefix = "{prefix}"\nclass = "{class_name}"\n'


POOL = pool("100.64.0.0/16")
IPV6_POOL = '[[pool]]\nprefix = "2001:db8::/32"\nline = 56\nclass = "dynamic"\n'
BASE = GATE + DYNAMIC + POOL


def problems(text: str) -> tuple[Problem, ...]:
    """Return what is wrong with a configuration."""
    return parse(text.encode()).problems


def good(text: str) -> Config:
    """Return a configuration with which nothing is wrong."""
    checked = parse(text.encode())
    assert checked.problems == (), checked.problems
    assert checked.config is not None
    return checked.config
