"""What sources said, as bytes in the journal.

    batch   the form's number (2), then for each event or boot
    boot    255, the moment (8), the NAS
    event   the kind (1), the moment (8), the rank (1), the login's key (16), how many addresses (2), these
            each after its size (1), the NAS, the line's name, Acct-Session-Id and User-Name (`packing`)
    text    its size (2) and itself in UTF-8

Numbers are big-endian, moments microseconds. A batch of form 1, of an older sekisho, has neither of the two.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from sekisho.lines.events import LOGIN_KEY_BYTES, NOTHING_SAID, Boot, Heard, Kind
from sekisho.model import Address
from sekisho.store.moments import from_us, to_us
from sekisho.store.packing import pack_address, pack_said, unpack_address, unpack_said

_FORM: Final = 2
_OLDER: Final = 1
_NO_IDS: Final = bytes(2)
_BOOT: Final = 255
_KINDS: Final = (Kind.START, Kind.INTERIM, Kind.STOP)  # by number
_NUMBERS: Final = {kind: number for number, kind in enumerate(_KINDS)}
_moment = struct.Struct(">Bq")
_event = struct.Struct(f">BqB{LOGIN_KEY_BYTES}sH")
_size = struct.Struct(">H")


def pack_batch(batch: Iterable[Heard | Boot]) -> bytes:
    """Return a batch as bytes."""
    parts = [bytes([_FORM])]
    for one in batch:
        if isinstance(one, Boot):
            parts += (_moment.pack(_BOOT, to_us(one.at)), *_text(one.nas))
        else:
            count = len(one.addresses)
            parts.append(_event.pack(_NUMBERS[one.kind], to_us(one.at), one.rank, one.login, count))
            for key in map(pack_address, one.addresses):
                parts += (bytes([len(key)]), key)
            parts += (*_text(one.nas), *_text(one.name), pack_said(one.said) or _NO_IDS)
    return b"".join(parts)


def unpack_batch(packed: bytes) -> Iterator[Heard | Boot]:
    """Yield what was said."""
    if packed[0] not in (_FORM, _OLDER):
        raise ValueError(f"a journal of form {packed[0]} is of another sekisho")
    at = 1
    while at < len(packed):
        if packed[at] == _BOOT:
            _, moment = _moment.unpack_from(packed, at)
            nas, at = _read_text(packed, at + _moment.size)
            yield Boot(nas, from_us(moment))
            continue
        kind, moment, rank, login, count = _event.unpack_from(packed, at)
        at += _event.size
        addresses: list[Address] = []
        for _ in range(count):
            end = at + 1 + packed[at]
            addresses.append(unpack_address(packed[at + 1 : end]))
            at = end
        nas, at = _read_text(packed, at)
        name, at = _read_text(packed, at)
        said, at = (NOTHING_SAID, at) if packed[0] == _OLDER else unpack_said(packed, at)
        yield Heard(_KINDS[kind], from_us(moment), nas, login, name, rank, tuple(addresses), said)


def _text(text: str) -> tuple[bytes, bytes]:
    packed = text.encode()
    return _size.pack(len(packed)), packed


def _read_text(packed: bytes, at: int) -> tuple[str, int]:
    (size,) = _size.unpack_from(packed, at)
    begin = at + _size.size
    return packed[begin : begin + size].decode(), begin + size
