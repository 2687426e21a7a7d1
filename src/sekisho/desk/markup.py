"""The lines of HTML: some mail programs forward in no other form.

Nothing is built of it: tags are taken away one after the other, and each piece of text between them is put
where it stands, at the begin of a line or within it.
"""

from __future__ import annotations

import html
import re

LONGEST = 131_072  # characters that are read: entities take long
_TAG = re.compile(r"<(/?[A-Za-z!][A-Za-z0-9]*+)[^<>]*+>")
_BLOCKS = frozenset(
    {
        *("address", "blockquote", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li"),
        *("ol", "p", "pre", "table", "td", "th", "tr", "ul"),
    }
)
_SPACE = re.compile(r"\s+")
_UNSEEN = frozenset({"head", "script", "style", "title"})


def text_of(markup: str) -> str:
    """Return the text that is seen of HTML; only a break makes an empty line, but for what is in a `pre`."""
    found: list[str] = []
    kept, hidden = 0, 0  # how many `pre`, and what is not seen, are open
    is_begin = True
    pieces = _TAG.split(markup[:LONGEST])
    for tag, text in zip(["", *pieces[1::2]], pieces[::2], strict=True):
        name, step = tag.lstrip("/").lower(), -1 if tag.startswith("/") else 1
        kept = max(0, kept + step) if name == "pre" else kept
        hidden = max(0, hidden + step) if name in _UNSEEN else hidden
        if name == "br" or (name in _BLOCKS and not is_begin):
            found.append("\n")
            is_begin = True
        seen = "" if hidden else text if kept else _SPACE.sub(" ", text)
        if seen.strip(" ") or (seen and (kept or not is_begin)):
            found.append(seen)
            is_begin = seen.endswith("\n")
    return html.unescape("".join(found)).replace("\N{NO-BREAK SPACE}", " ")
