"""What others wrote, made fit to be kept and shown."""

from __future__ import annotations

import re

LONGEST = 255  # characters of a name, an id or a date that are kept

_UNPRINTABLE = re.compile("\0+")
_NAMES = re.compile(r'"[^"]*"|\([^()]*\)')
_ADDRESS = re.compile(r"([^\s<>\"(),:;@]{1,64}@([A-Za-z0-9.-]{1,253}))")
_BRACKETED = re.compile(rf"<\s*{_ADDRESS.pattern}\s*>")


def clean(text: str, longest: int = LONGEST) -> str:
    """Return text without what cannot be seen and what is beyond `longest` characters.

    Unseen are controls, marks of direction, characters without width, tags, those of private use and of none.
    """
    text = text[: longest * 2]
    if not text.isprintable():
        text = _UNPRINTABLE.sub(" ", "".join(one if one.isprintable() else "\0" for one in text))
    return text.strip()[:longest]


def mail_address(text: str) -> tuple[str, str] | None:
    """Return the address of a field such as `From:` and its domain in lower case; None where not one.

    What is quoted or in a comment is a name, however much it looks like an address.
    """
    bare = _NAMES.sub(" ", clean(text, 2_000))
    for pattern in (_BRACKETED, _ADDRESS):
        found = pattern.findall(bare)
        if found:
            address, domain = found[0]
            return (address, domain.lower().strip(".")) if len(found) == 1 else None
    return None


def message_id(text: str | None) -> str | None:
    """Return what a `Message-ID:` says, or None where it says nothing."""
    return (clean(text) or None) if text else None
