"""Messages out of files: an mbox, or one message or one XARF report a file, as in a Maildir.

Pure: whoever reads a file hands over its bytes in pieces of any size. Of a message no more is kept than its
limit and one byte, by which it is refused as too large.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

_ENVELOPE = b"From "
_SEPARATOR = re.compile(rb"\n\r?\n(?=From \S{1,320} [^\n]{0,80}\d\d:\d\d)")
_TAIL = 1_024  # bytes in which a separator may still be incomplete: more than the longest


def messages(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Yield the messages of a file that comes in pieces, each up to `most` bytes and one.

    A file that begins with `From ` is an mbox; its messages are parted by a blank line and a line that has
    an address and a time of day after `From `, as one in a text hardly has.
    """
    kept, rest, is_mbox = bytearray(), b"", None
    for chunk in chunks:
        rest += chunk
        if is_mbox is None and len(rest) >= len(_ENVELOPE):
            is_mbox = rest.startswith(_ENVELOPE)
        *whole, rest = _SEPARATOR.split(rest) if is_mbox else (rest,)
        for piece in whole:
            yield _filled(kept, piece, most)
            kept.clear()
        if is_mbox is not None and len(rest) > _TAIL:
            _filled(kept, rest[:-_TAIL], most)
            rest = rest[-_TAIL:]
    last = _filled(kept, rest, most)
    if last.strip():
        yield last


def is_of_maildir(path: PurePath) -> bool:
    """Tell whether a file is a delivered message of a Maildir, by its path."""
    return path.parent.name in {"new", "cur"} and not path.name.startswith(".")


def _filled(kept: bytearray, piece: bytes, most: int) -> bytes:
    kept += piece[: max(0, most + 1 - len(kept))]
    return bytes(kept)
