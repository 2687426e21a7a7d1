"""Templates of this package: what is not there is an error, never an empty place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup


@lru_cache(maxsize=1)
def templates() -> Environment:
    """Return the templates; what goes into HTML is escaped."""
    environment = Environment(
        loader=PackageLoader("sekisho.pages"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=select_autoescape(("html.j2",)),
    )
    environment.filters["spread"] = spread
    return environment


def spread(row: Sequence[str]) -> list[tuple[str, int]]:
    """Return the cells of a row and how many columns each takes: the last one also what is empty after it."""
    filled = max((number for number, cell in enumerate(row, 1) if cell), default=1)
    return [(cell, 1) for cell in row[: filled - 1]] + [(row[filled - 1], len(row) - filled + 1)]


def markdown_page(markdown: str, language: str, title: str) -> str:
    """Make one self-contained page of Markdown; HTML in it is shown as text."""
    body = Markup(MarkdownIt("commonmark", {"html": False}).render(markdown))  # noqa: S704 - escaped there
    return page(body, language, title)


def page(body: Markup, language: str, title: str) -> str:
    """Make one self-contained page."""
    return templates().get_template("page.html.j2").render(body=body, language=language, title=title)
