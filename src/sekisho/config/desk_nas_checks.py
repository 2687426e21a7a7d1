"""What must hold between the [[desk.nas]]es."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sekisho.config.desk_nas import NasTable
from sekisho.config.holdings import Place, overlaps
from sekisho.config.problems import Finding, Path, Severity, dotted, twice
from sekisho.config.schema import PoolTable
from sekisho.desk.case_values import Kind
from sekisho.model import Network


def check_nases(path: Path, nases: Mapping[int, NasTable]) -> Iterator[Finding]:
    """Tell what is wrong between the NASes of the desk."""
    yield from twice(((*path, index, "name"), nas.name, f'"{nas.name}"') for index, nas in nases.items())
    named = ((index, nas.nas) for index, nas in nases.items() if nas.nas is not None)
    yield from twice(((*path, index, "nas"), name, f'"{name}"') for index, name in named)
    places = [
        Place(prefix, (*path, index, "pools", number))
        for index, nas in nases.items()
        for number, prefix in enumerate(nas.pools)
    ]
    for earlier, later in overlaps(places):
        what = f'"{later.network}" overlaps with "{earlier.network}" of {dotted(earlier.path[:-2])}'
        yield Finding(later.path, what, "cut the prefixes so that each address is of one NAS")
    for index, nas in nases.items():
        if not nas.pools:
            what = "it has no pools, so it would never be asked"
            yield Finding((*path, index, "pools"), what, 'name them, as in ["100.64.0.0/16"]')
        if nas.restore and not nas.suspend:
            what = "a login that was ended has nothing to set back"
            yield Finding((*path, index, "restore"), what, "take it out, or write `suspend` too")
        elif nas.suspend and not nas.restore:
            what = "what `suspend` sets stays set when the suspension is lifted, until the line logs in anew"
            way_out = "write what sets it back"
            yield Finding((*path, index, "restore"), what, way_out, Severity.WARNING)


def check_whole_lines(
    path: Path, class_name: str, nases: Collection[NasTable], pools: Collection[PoolTable]
) -> Iterator[Finding]:
    """Tell which lines of a class, all of whose suspensions are of whole lines, no NAS could suspend."""
    reached = [prefix for nas in nases for prefix in nas.pools]
    prefixes = [pool.prefix for pool in pools if pool.class_name == class_name]
    missed = [prefix for prefix in prefixes if not any(_overlap(prefix, one) for one in reached)]
    key = (*path, "suspension")
    if not reached or (missed and missed == prefixes):
        what = "no [[desk.nas]] has the logins of these lines: nothing would be suspended but port 25"
        yield Finding(key, what, f'add their NAS (docs/desk-actions.md), or write "{Kind.PORT25}"')
        return
    for prefix in missed:
        what = f'no [[desk.nas]] has "{prefix}" in its pools: its lines would lose nothing but port 25'
        yield Finding(key, what, "add it to the pools of its NAS", Severity.WARNING)


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)
