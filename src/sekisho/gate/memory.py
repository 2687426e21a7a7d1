"""What taking a gate down must put back, kept in a file, since another process may do it.

The file also tells which network namespace the gate's hold is in, from its start until it is taken down.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from sekisho.gate import GateError

STATE: Final = Path("/run/sekisho")
SUFFIX: Final = ".rules.json"
SO_NETNS_COOKIE: Final = 71  # a number that no other network namespace gets; inodes are given out again
NAMED: Final = Path("/run/netns")  # where `ip netns` keeps namespaces that no process may be in


class MemoryFaultError(GateError):
    """The file cannot be used: it is damaged, or of a hold that is elsewhere."""


@dataclass
class Memory:
    """Raw tables (families) that were made for the gate, and the sysctls that were changed, as they were."""

    path: Path
    tables: list[str] = field(default_factory=list)
    switches: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The gate's name."""
        return self.path.name.removesuffix(SUFFIX)

    def save(self) -> None:
        """Write it, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in asdict(self).items() if key != "path"}
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps(kept | {"namespace": _namespace(), "cookie": _cookie()}) + "\n")
        draft.replace(self.path)


def recall(name: str, state: Path = STATE) -> Memory:
    """Return what is remembered of a gate; empty when nothing is, or its network namespace is no more.

    Errors: MemoryFaultError when its hold is in another network namespace, or the file is damaged.
    """
    path = state / f"{name}{SUFFIX}"
    kept = _read(path)
    namespace, cookie = kept.pop("namespace", None), kept.pop("cookie", None)
    if cookie == _cookie():
        return _memory(path, kept)
    door = _door(namespace) if namespace != _namespace() else None
    if door is not None:
        raise MemoryFaultError(
            f"gate {name!r} is in another network namespace, {namespace}: take it down there "
            f"(`nsenter --net={door} sekisho gate down`), or give this one another [gate] name"
        )
    return Memory(path)  # what is to be put back went with its namespace


def claim(name: str, state: Path = STATE) -> Memory:
    """Have the only hold of this network namespace, until the gate is taken down.

    A mark names a delay and no gate, so that a second hold would take what the first one marks. Errors: as
    of `recall`, and MemoryFaultError naming the gate that has a hold here.
    """
    memory = recall(name, state)
    for path in state.glob(f"*{SUFFIX}"):
        if path != memory.path and _read(path).get("cookie") == _cookie():
            other = path.name.removesuffix(SUFFIX)
            raise MemoryFaultError(
                f"gate {other!r} is in this network namespace, which has room for one: name its interfaces "
                "and these in one configuration, or put this gate into a network namespace of its own, or "
                f"take the other down (`sekisho gate down --name {other}`)"
            )
    memory.save()
    return memory


def _memory(path: Path, kept: dict[str, Any]) -> Memory:
    try:
        return Memory(path, **kept)
    except TypeError as error:
        raise _damaged(path, error) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise _damaged(path, error) from error
    if not isinstance(kept, dict):
        raise _damaged(path, "it is no JSON object")
    return kept


def _damaged(path: Path, why: object) -> MemoryFaultError:
    return MemoryFaultError(
        f"{path}, where a gate keeps what to put back, is damaged ({why}): look whether the switches in "
        "/proc/sys/net/bridge are as you want them, and delete the file"
    )


def _namespace() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


def _cookie() -> int:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as any_socket:
        return int.from_bytes(any_socket.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8), "little")


def _door(namespace: object) -> Path | None:
    """Return by what path a network namespace can be entered; None where nobody is in it or has named it."""
    for path, found in _namespaces():
        if found == namespace:
            return path
    return None


def _namespaces() -> Iterator[tuple[Path, str]]:
    for path in NAMED.glob("*"):
        with suppress(OSError):  # removed meanwhile
            yield path, f"net:[{path.stat().st_ino}]"
    for path in Path("/proc").glob("[0-9]*/ns/net"):
        with suppress(OSError):  # ended meanwhile
            yield path, str(path.readlink())
