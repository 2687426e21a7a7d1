"""By what a NAS is to find the logins of a line, so that nobody else is met. Pure.

An address alone may have moved to another line meanwhile, before accounting has told of it. So a login is
named by its Acct-Session-Id and User-Name, which accounting tells, and by one of its addresses; where
accounting tells no Acct-Session-Id, by the line's name as User-Name (`user` of [[desk.nas]]) and an address;
by an address alone only where a static list says that it is the line's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network

from sekisho.config.desk_nas import NasTable
from sekisho.desk.coa import Key, of_login
from sekisho.lines.events import NOTHING_SAID, OpenLogin
from sekisho.model import Address

Mark = tuple[bytes, datetime]
"""A login's key and its begin: a NAS may give one id twice."""


@dataclass(frozen=True, slots=True)
class Target:
    """A login that a NAS has, and what names it there; `login`: None where only a list tells of it."""

    nas: NasTable
    attributes: tuple[tuple[Key, bytes], ...]
    login: OpenLogin | None


class UnnamedError(Exception):
    """A login that nothing names so that only it can be meant; the operator's to mend."""


def target_of(nases: Iterable[NasTable], login: OpenLogin, name: str | None) -> Target:
    """Return by what a login is asked for; `name`: its line's. Raises UnnamedError."""
    nas, address = _place(nases, login.addresses)
    known = NOTHING_SAID if login.login is None else login.login.said
    if known.session:
        named = of_login([address], session=known.session, user=known.user, nas=nas.nas)
    elif nas.user and name:
        named = of_login([address], user=name, nas=nas.nas)
    else:
        raise UnnamedError(
            f'accounting tells no Acct-Session-Id of a login at "{nas.name}", and its address may be another'
            " line's by now: write user = true there if the line's name is its User-Name"
        )
    return Target(nas, named, login)


def listed_target(nases: Iterable[NasTable], listed: Iterable[Address], name: str | None) -> Target:
    """Return by what the login of addresses is asked for that a static list gives. Raises UnnamedError."""
    nas, address = _place(nases, listed)
    user = name if nas.user and name else ""
    return Target(nas, of_login([address], user=user, nas=nas.nas), None)


def mark_of(login: OpenLogin) -> Mark:
    """Return by what a login is known again."""
    return login.key, login.begin


def _place(nases: Iterable[NasTable], addresses: Iterable[Address]) -> tuple[NasTable, Address]:
    """Return the NAS of a login, and the address that names it: several of a kind might name none."""
    some = sorted(addresses, key=lambda address: (len(address.network), address))
    found = ((nas, address) for address in some for nas in nases if _has(nas, address))
    place = next(found, None)
    if place is None:
        raise UnnamedError("no [[desk.nas]] has what the line holds: add it")
    return place


def _has(nas: NasTable, address: Address) -> bool:
    """Tell whether a NAS has the login that holds an address; of a shared one none is known by it."""
    if address.port_set is not None:
        return False
    network = ip_network((address.network, address.length))
    return any(pool.version == network.version and network.subnet_of(pool) for pool in nas.pools)  # type: ignore[arg-type]
