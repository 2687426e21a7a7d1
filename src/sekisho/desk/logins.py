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

from sekisho.desk.coa import Attributes, of_login
from sekisho.lines.events import MOST_ATTRIBUTE_BYTES, NOTHING_SAID, OpenLogin
from sekisho.model import Address, Network

Mark = tuple[bytes, datetime]
"""A login's key and its begin: a NAS may give one id twice."""


@dataclass(frozen=True, slots=True)
class Nas:
    """A NAS that has the logins of `pools`.

    `identifier`: what it calls itself, a NAS-Identifier or an address. `user`: the line's name is its
    User-Name there. `suspend`: what a CoA-Request sets; empty: a login is ended.
    `restore`: what sets it back.
    """

    name: str
    pools: tuple[Network, ...]
    identifier: str | None = None
    user: bool = False
    suspend: Attributes = ()
    restore: Attributes = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line as the store tells of it now; `listed`: what it holds by a static list's word."""

    name: str | None
    logins: tuple[OpenLogin, ...]
    listed: tuple[Address, ...]


class UnnamedError(Exception):
    """A login that nothing names so that only it can be meant; the operator's to mend."""


def mark_of(login: OpenLogin) -> Mark:
    """Return by what a login is known again."""
    return login.key, login.begin


def place_of(
    nases: Iterable[Nas], login: OpenLogin | None, addresses: Iterable[Address]
) -> tuple[Nas, Address | None] | None:
    """Return the NAS of a login, and the one address that names it: several of a kind might name none.

    It is the NAS that accounting names, else the one that has an address in its pools. By an address that
    lines share no login is known.
    """
    whole = [address for address in addresses if address.port_set is None]
    some = sorted(whole, key=lambda address: (len(address.network), address))
    told = None if login is None or login.login is None else login.login.nas
    by_name = next((nas for nas in nases if nas.identifier == told), None) if told else None
    if by_name is not None:
        return by_name, next(iter(some), None)
    return next(((nas, address) for address in some for nas in nases if _has(nas, address)), None)


def named(nas: Nas, address: Address | None, login: OpenLogin | None, line: Line) -> Attributes:
    """Return what names a login at its NAS; None: what a list alone tells of. Raises UnnamedError."""
    some = [] if address is None else [address]
    by_name = line.name if nas.user and line.name and _is_attribute(line.name) else ""
    if login is None:
        return of_login(some, user=by_name, nas=nas.identifier)
    said = NOTHING_SAID if login.login is None else login.login.said
    if said.session:
        return of_login(some, session=said.session, user=said.user, nas=nas.identifier)
    if by_name and some:
        return of_login(some, user=by_name, nas=nas.identifier)
    raise UnnamedError(
        f'accounting tells no Acct-Session-Id of a login at "{nas.name}", and its address may be another'
        " line's by now: write user = true there if the line's name is its User-Name"
    )


def _is_attribute(name: str) -> bool:
    return len(name.encode()) <= MOST_ATTRIBUTE_BYTES


def _has(nas: Nas, address: Address) -> bool:
    """Tell whether a NAS has the login that holds an address."""
    network = ip_network((address.network, address.length))
    return any(pool.version == network.version and network.subnet_of(pool) for pool in nas.pools)  # type: ignore[arg-type]
