"""Who may send accounting, and what no two clients may have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sekisho.config.draft import Draft
from sekisho.config.holdings import Place, overlaps
from sekisho.config.listen import show_listen
from sekisho.config.problems import Finding, Path, Severity, dotted, twice
from sekisho.config.schema import RadiusTable

_CLIENTS: Path = ("radius", "client")


def check_radius(draft: Draft) -> Iterator[Finding]:
    """Tell what is wrong between the values of [radius] and of the [[radius.client]]s."""
    if draft.radius is not None:
        yield from _lists(draft.radius)
    unreadable = any(path[:2] == _CLIENTS for path in draft.told)
    if draft.radius is not None and not draft.radius_clients and not unreadable:
        yield Finding(
            _CLIENTS,
            "there is no [[radius.client]], so nobody may send accounting",
            "add one for each sender, with its address and secret_file",
        )
    yield from twice(
        ((*_CLIENTS, index, "name"), client.name, f'"{client.name}"')
        for index, client in draft.radius_clients.items()
    )
    yield from _addresses(draft)
    yield from _without_nas(draft)


def check_naming(table: str, naming: Sequence[str]) -> Iterator[Finding]:
    """Tell what is wrong with the list of properties that may name a line."""
    if not naming:
        yield Finding((table, "line"), "the list is empty", "take it out, or name what names a line")
    yield from twice(((table, "line", index), by, f'"{by}"') for index, by in enumerate(naming))


def _lists(radius: RadiusTable) -> Iterator[Finding]:
    if not radius.listen:
        yield Finding(("radius", "listen"), "the list is empty", 'write it as in ["127.0.0.1:1813"]')
    yield from twice(
        (("radius", "listen", index), listen, f'"{show_listen(listen)}"')
        for index, listen in enumerate(radius.listen)
    )
    yield from check_naming("radius", radius.line)


def _addresses(draft: Draft) -> Iterator[Finding]:
    places = [
        Place(client.address, (*_CLIENTS, index, "address")) for index, client in draft.radius_clients.items()
    ]
    for earlier, later in overlaps(places):
        yield Finding(
            later.path,
            f'"{later.network}" overlaps with "{earlier.network}" of {dotted(earlier.path[:-1])}',
            "cut the prefixes so that each address is one client's",
        )


def _without_nas(draft: Draft) -> Iterator[Finding]:
    are_several = len(draft.radius_clients) > 1
    for index, client in draft.radius_clients.items():
        if not client.nas and (are_several or client.address.num_addresses > 1):
            who = "it is not the only client" if are_several else "it is a prefix"
            yield Finding(
                (*_CLIENTS, index, "nas"),
                f'"{client.name}" names no NAS and {who}: that a NAS starts anew (Accounting-On, -Off) is '
                "heeded only where it calls itself by the address that it sends from",
                'write the NAS-Identifiers of which it may speak, as in nas = ["bng1"]',
                Severity.WARNING,
            )
