"""A bundle of evidence: a tar whose members' SHA-256 stand in SHA256SUMS, which is signed. Pure.

    SHA256SUMS       as sha256sum writes it, of all members but the two
    SHA256SUMS.sig   its signature
    actions.json, …  the members, in the order of their names

The same members make the same bytes: no times, owners or modes of anybody. So whatever was changed shows,
also between the members.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, Final

SUMS: Final = "SHA256SUMS"
SIGNATURE: Final = "SHA256SUMS.sig"
_BLOCK: Final = tarfile.BLOCKSIZE
_END: Final = bytes(2 * _BLOCK)
_MODE: Final = 0o400
_LARGEST_SUMS: Final = 1 << 26  # bytes: of some 600,000 members
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Checked:
    """How a bundle stands: its members, and all that is wrong with it."""

    members: tuple[str, ...]
    problems: tuple[str, ...]


def write_sums(digests: Mapping[str, bytes]) -> bytes:
    """Write the SHA-256 of members, in the order of their names, as `sha256sum --check` reads it."""
    return "".join(f"{digests[name].hex()}  {name}\n" for name in sorted(digests)).encode()


def archive(members: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield the bytes of a tar, member by member."""
    for name, content in members:
        yield _head(name, len(content)) + content + bytes(_padding(len(content)))
    yield _END


def check(file: BinaryIO, is_signed: Callable[[bytes, bytes], bool]) -> Checked:
    """Tell all that is wrong with a bundle; `is_signed`: of a message and its signature."""
    digests: dict[str, bytes] = {}
    signed: dict[str, bytes] = {}
    problems: list[str] = []
    try:
        for name, size in _heads(file):
            if name in digests or name in signed:
                problems.append(f"{name} is there twice")
            if name in (SUMS, SIGNATURE):
                signed[name] = _content(file, size)
            else:
                digests[name] = _digest(file, size)
            _read_padding(file, size)
    except _BrokenError as error:
        problems.append(str(error))
    problems += _compared(digests, signed, is_signed)
    return Checked(tuple(digests), tuple(problems))


class _BrokenError(Exception):
    """The file cannot be read on."""


def _compared(
    digests: Mapping[str, bytes], signed: Mapping[str, bytes], is_signed: Callable[[bytes, bytes], bool]
) -> Iterator[str]:
    if SUMS not in signed or SIGNATURE not in signed:
        yield f"{SUMS} or its signature is missing: nobody vouches for it"
        return
    if not is_signed(signed[SUMS], signed[SIGNATURE]):
        yield f"{SUMS} is not signed by this key, or was changed since"
    known = dict(_read_sums(signed[SUMS]))
    for name in sorted(known.keys() | digests.keys()):
        if name not in digests:
            yield f"{name} is missing"
        elif name not in known:
            yield f"{name} is in no list: somebody has added it"
        elif known[name] != digests[name].hex():
            yield f"{name} was changed"


def _read_sums(content: bytes) -> Iterator[tuple[str, str]]:
    for line in content.decode(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        yield name, digest


def _head(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, _MODE
    return info.tobuf(tarfile.USTAR_FORMAT)


def _heads(file: BinaryIO) -> Iterator[tuple[str, int]]:
    """Yield names and sizes of members; whoever asks has read a member before the next is asked for."""
    while (block := file.read(_BLOCK)) != bytes(_BLOCK):
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            is_ours = _head(info.name, info.size) == block
        except (tarfile.HeaderError, ValueError, UnicodeError):
            is_ours = False
        if not is_ours:
            raise _BrokenError("it is no bundle, or was changed between its members")
        yield info.name, info.size
    if file.read(len(_END)) != _END[_BLOCK:]:
        raise _BrokenError("something follows its end")


def _digest(file: BinaryIO, size: int) -> bytes:
    digest = sha256()
    while size:
        chunk = file.read(min(size, _CHUNK))
        if not chunk:
            raise _BrokenError("its end is missing")
        digest.update(chunk)
        size -= len(chunk)
    return digest.digest()


def _content(file: BinaryIO, size: int) -> bytes:
    if size > _LARGEST_SUMS:
        raise _BrokenError("its list is too long to be one")
    content = file.read(size)
    if len(content) != size:
        raise _BrokenError("its end is missing")
    return content


def _padding(size: int) -> int:
    return -size % _BLOCK


def _read_padding(file: BinaryIO, size: int) -> None:
    if file.read(_padding(size)) != bytes(_padding(size)):
        raise _BrokenError("it was changed between its members")
