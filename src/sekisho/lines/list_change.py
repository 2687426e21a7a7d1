"""From the lists of before to a new one: who begins to hold an address, what leases end, what lines are.

A list is the whole truth of its source: what is no longer on it is not held any more. What is on both is
left as it is, and so keeps its begin.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sekisho.lines import chunks
from sekisho.lines.events import Ending, Lease
from sekisho.lines.records import ListedLine
from sekisho.lines.static import CONFIG, StaticLine, StaticList, static_login
from sekisho.model import Address


class Lists(Protocol):
    """What is known of all lists before; a store's transaction is one."""

    def static_leases(self) -> Iterable[Lease]:
        """Give the leases that go on by a list."""

    def listed_lines(self) -> Iterable[ListedLine]:
        """Give the lines of which a list says something."""

    def line_names(self, numbers: Iterable[int]) -> Mapping[int, str]:
        """Return the names of lines."""


@dataclass(frozen=True, slots=True)
class ListChange:
    """What a new list changes; each may be a million.

    `ended`: leases that go on no longer; `begun`: the line that holds an address from now on, by its name;
    `lines`: what is said of them now, None where it is nothing any more; `others`: those of them
    whose contact is another now, so that they may be another customer's.
    """

    ended: tuple[Lease, ...] = ()
    begun: Mapping[Address, str] = field(default_factory=dict)
    lines: Mapping[str, StaticLine | None] = field(default_factory=dict)
    others: frozenset[str] = frozenset()


def compare(lists: Lists, new: StaticList, source: str, configured: StaticList) -> ListChange:
    """Tell what a new list of a source changes; `configured`: the lines of the configuration."""
    begun = dict(new.addresses)
    off, taken_over, here = _take_out_leases(lists, begun, new, source)
    lines: dict[str, StaticLine | None] = dict(new.lines)
    left, others = _take_out_lines(lists, lines, new)
    lines |= dict.fromkeys(name for name in left if _is_of(source, name, here, configured))
    return ListChange((*off, *taken_over), begun, lines, frozenset(others))


def portions(change: ListChange) -> Iterator[ListChange]:
    """Cut a change into what is written at a time; at least one portion, all of it where that is little.

    Lines come first: which are off the configuration's list shows by their leases, so that whoever puts the
    list again, after some portions, still finds the rest.
    """
    if len(change.ended) + len(change.begun) + len(change.lines) <= chunks.CHUNK:
        yield change
        return
    for lines in chunks.chunks(change.lines.items()):
        yield ListChange(lines=dict(lines), others=change.others & dict(lines).keys())
    for ended in chunks.chunks(change.ended):
        yield ListChange(ended=tuple(ended))
    for begun in chunks.chunks(change.begun.items()):
        yield ListChange(begun=dict(begun))


def ended_leases(leases: Iterable[Lease], now: datetime) -> list[Lease]:
    """Return what takes the place of leases that end.

    One that begins no earlier than it ends stays all the same, as nobody's: else whoever it has superseded
    would hold the address again.
    """
    return [lease._replace(end=max(now, lease.begin), ending=Ending.LIST) for lease in leases]


def begun_leases(
    begun: Iterable[tuple[Address, str]], numbers: Mapping[str, int], source: str, now: datetime
) -> list[Lease]:
    """Return the leases of who begins to hold addresses; whoever begins later ends whoever was before."""
    return [Lease(address, now, static_login(source, name), numbers[name]) for address, name in begun]


def listed_lines(
    lines: Iterable[tuple[str, StaticLine | None]], numbers: Mapping[str, int]
) -> list[ListedLine]:
    """Return what is to be written of lines."""
    return [ListedLine(numbers[name], name, *(line or ())) for name, line in lines]


def _take_out_leases(
    lists: Lists, addresses: dict[Address, str], new: StaticList, source: str
) -> tuple[list[Lease], list[Lease], set[str]]:
    """Take out of a list's addresses what is held already; return what its source gave and is off the list.

    Return also what a file gave to lines of the configuration, and ends: a line stands in one place, and the
    configuration goes first; and the lines to which the configuration gave what they do not hold any more.
    What goes from one line to another needs no end.
    """
    off: list[Lease] = []
    taken_over: list[Lease] = []
    here: set[str] = set()
    for some in chunks.chunks(lists.static_leases()):
        others = [lease for lease in some if not _take_out(addresses, lease, source)]
        names = lists.line_names({lease.line for lease in others})
        for lease in others:
            name = names[lease.line]
            if lease.login == static_login(source, name):
                if source == CONFIG:
                    here.add(name)
                if lease.address not in addresses:
                    off.append(lease)
            elif source == CONFIG and name in new.lines and lease.address not in new.addresses:
                taken_over.append(lease)
    return off, taken_over, here


def _take_out(addresses: dict[Address, str], lease: Lease, source: str) -> bool:
    """Take the address of a lease out, if the list gives it to the same line; tell whether it does."""
    name = addresses.get(lease.address)
    if name is None or lease.login != static_login(source, name):
        return False
    del addresses[lease.address]
    return True


def _take_out_lines(
    lists: Lists, lines: dict[str, StaticLine | None], new: StaticList
) -> tuple[list[str], set[str]]:
    """Take out of a list's lines what is known already.

    Return the lines of all lists that are off it, and those on it that had another contact.
    """
    off, others = [], set()
    for one in lists.listed_lines():
        now = lines.get(one.name)
        if now == StaticLine(one.class_name or "", *one[3:]):
            del lines[one.name]
        elif one.name not in new.lines:
            off.append(one.name)
        elif one.contact and now is not None and now.contact.casefold() != one.contact.casefold():
            others.add(one.name)
    return off, others


def _is_of(source: str, name: str, here: Collection[str], configured: StaticList) -> bool:
    """Tell whether a line was on a source's list; `here`: those whose leases it gave."""
    return name in here if source == CONFIG else name not in configured.lines
