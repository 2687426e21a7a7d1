"""What concerns several values of the configuration at once.

Every check is a generator over a draft, so that one run lists all that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from sekisho.config.alerts import check_alerts
from sekisho.config.desk_checks import check_desk, desk_delays_ms
from sekisho.config.desk_draft import desk_users
from sekisho.config.draft import Draft
from sekisho.config.holdings import Place, check_holdings, count_addresses, overlaps
from sekisho.config.problems import Finding, Path, Severity, dotted
from sekisho.config.radius import check_radius
from sekisho.config.rules import cap_beyond, delay_worry
from sekisho.config.schema import GateTable, PoolTable
from sekisho.config.shares import check_shares
from sekisho.config.sources import check_sources
from sekisho.config.trial_checks import check_trial, trial_delays_ms, trial_users
from sekisho.config.values import EXEMPT_WAY_OUT
from sekisho.durations import format_ms
from sekisho.gate.abi import MAX_BANKS, MAX_CLASSES
from sekisho.model import View

LONGEST_LINE_PREFIX = 64  # a pool's line is named by the upper half of its address
_LINE_SPACE = (IPv6Network("2000::/3"), IPv6Network("fc00::/7"))
_LARGE_PREFIX = 16  # no line's, though a whole pool's
_IPV4_SERVERS = (IPv4Network("0.0.0.0/1"), IPv4Network("128.0.0.0/2"), IPv4Network("192.0.0.0/3"))  # unicast
_IPV6_SERVERS = IPv6Network("2000::/3")
_SHORTEST_IDLE_MS = 600_000  # RFC 5321 §4.5.3.2.6 gives the end of DATA 10 minutes


def check(draft: Draft) -> Iterator[Finding]:
    """Tell all that is wrong between the values of a draft, but nothing twice of one key."""
    for finding in _check(draft):
        if not any(finding.path[:length] in draft.told for length in range(1, len(finding.path) + 1)):
            yield finding


def _check(draft: Draft) -> Iterator[Finding]:
    if draft.gate is not None:
        yield from _interfaces(draft.gate)
        yield from _exempt(draft.gate)
        yield from _timeouts(draft.gate)
        yield from _sizes(draft, draft.gate)
        yield from _limits(draft, draft.gate)
    yield from _numbers(draft)
    yield from _pools(draft)
    yield from _unknown_classes(draft)
    yield from _names(draft)
    yield from check_holdings(draft.lines)
    yield from check_shares(draft)
    yield from check_sources(draft)
    yield from check_radius(draft)
    yield from check_trial(draft)
    yield from check_alerts(draft.alerts)
    yield from check_desk(draft)


def _interfaces(gate: GateTable) -> Iterator[Finding]:
    if not gate.subscriber:
        yield Finding(
            ("gate", "subscriber"),
            "no interface is named, so the gate would see no line",
            "name the interfaces toward the lines",
        )
    for key, names in (("subscriber", gate.subscriber), ("uplink", gate.uplink)):
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Finding(("gate", key, index), f'"{name}" is named twice', "name it once")
    if gate.view is View.FULL and not gate.uplink:
        yield Finding(
            ("gate", "uplink"),
            "no interface toward the Internet is named, and without the answers of the servers the gate "
            "would cut every session",
            'name those interfaces, or write view = "half" where the answers come another way',
        )
    if gate.view is View.HALF and gate.uplink:
        yield Finding(
            ("gate", "uplink"),
            'with view = "half" the gate does not read the answers of the servers',
            'take uplink out, or write view = "full" where every answer comes through here',
        )


def _exempt(gate: GateTable) -> Iterator[Finding]:
    """Tell where prefixes exempt everybody together; the one that does so by itself is told by its value."""
    ipv4 = tuple(collapse_addresses(one for one in gate.exempt if isinstance(one, IPv4Network)))
    ipv6 = tuple(collapse_addresses(one for one in gate.exempt if isinstance(one, IPv6Network)))
    of_ipv4 = all(any(space.subnet_of(one) for one in ipv4) for space in _IPV4_SERVERS)
    of_ipv6 = any(_IPV6_SERVERS.subnet_of(one) for one in ipv6)
    for version, covered in ((4, of_ipv4), (6, of_ipv6)):
        if covered:
            what = f"these prefixes exempt every IPv{version} server there is"
            yield Finding(("gate", "exempt"), what, EXEMPT_WAY_OUT)


def _timeouts(gate: GateTable) -> Iterator[Finding]:
    idle_ms = gate.timeouts.idle_ms
    if idle_ms < _SHORTEST_IDLE_MS:
        yield Finding(
            ("gate", "timeouts", "idle"),
            f"a session silent for {format_ms(idle_ms)} is cut, while a mail server may take 10 minutes "
            "to answer the end of a message (RFC 5321)",
            "10m or more is safe",
            Severity.WARNING,
        )


def _sizes(draft: Draft, gate: GateTable) -> Iterator[Finding]:
    held = count_addresses(draft.lines)
    for key, size, needed in (("known", gate.known, len(draft.lines)), ("addresses", gate.addresses, held)):
        if needed > size:
            way_out = f"write {key} = {needed} or more"
            if key == "addresses" and (large := _large(draft)):
                way_out = f'make "{large}" a [[pool]], which needs no room and makes each address a line'
            yield Finding(
                ("gate", key), f"room for {size:,}, while the file's lines need {needed:,}", way_out
            )


def _large(draft: Draft) -> IPv4Network | None:
    """Return the largest prefix of a line whose addresses, one by one, would fill a table by themselves."""
    held = (held.network for line in draft.lines.values() for held in line.addresses)
    ipv4 = (network for network in held if isinstance(network, IPv4Network))
    return min(
        (network for network in ipv4 if network.prefixlen <= _LARGE_PREFIX),
        key=lambda network: network.prefixlen,
        default=None,
    )


def _limits(draft: Draft, gate: GateTable) -> Iterator[Finding]:
    for name, table in draft.classes.items():
        if (wrong := cap_beyond(table.cap, gate.slots)) is not None:
            yield Finding(("class", name, "cap"), *wrong)
        if (worry := delay_worry(table.delay_ms)) is not None:
            yield Finding(("class", name, "delay"), *worry, Severity.WARNING)


def _numbers(draft: Draft) -> Iterator[Finding]:
    if len(draft.declared) > MAX_CLASSES:
        yield Finding(
            ("class",), f"{len(draft.declared)} classes are more than the gate's {MAX_CLASSES}", "merge some"
        )
    of_classes = {table.delay_ms for table in draft.classes.values()}
    delays = (of_classes | trial_delays_ms(draft.trial) | desk_delays_ms(draft.desk)) - {0}
    if len(delays) > MAX_BANKS:
        yield Finding(
            ("class",),
            f"{len(delays)} different delays are more than the gate's {MAX_BANKS} banks of queues",
            "let some classes, phases of the trial, or the desk's limits, share a delay",
        )


def _pools(draft: Draft) -> Iterator[Finding]:
    for index, pool in draft.pools.items():
        yield from _pool_line(("pool", index), pool)
    places = [Place(pool.prefix, ("pool", index, "prefix")) for index, pool in draft.pools.items()]
    for earlier, later in overlaps(places):
        yield Finding(
            later.path,
            f'"{later.network}" overlaps with "{earlier.network}" of {dotted(earlier.path[:-1])}',
            "cut the prefixes so that each address is in one pool",
        )
    unreadable = any(path[:1] in (("pool",), ("line",)) for path in draft.told)
    if not draft.pools and not draft.lines and not unreadable:
        yield Finding(
            (),
            "there is no [[pool]] and no [[line]], so nobody is limited",
            "add your pools",
            Severity.WARNING,
        )


def _pool_line(path: Path, pool: PoolTable) -> Iterator[Finding]:
    prefix, length = pool.prefix, pool.line
    if not isinstance(prefix, IPv6Network):
        if length not in (None, prefix.max_prefixlen):
            yield Finding(
                (*path, "line"), f"{length} cannot be: in IPv4 each address is a line", "take `line` out"
            )
        return
    if not any(prefix.subnet_of(space) for space in _LINE_SPACE):
        yield Finding(
            (*path, "prefix"),
            f'"{prefix}" is neither global (2000::/3) nor unique local (fc00::/7)',
            "name the prefix from which lines get theirs",
        )
    if length is None:
        yield Finding(
            (*path, "line"),
            "it is not said how long the prefix of one line is",
            "add a line such as: line = 56",
        )
    elif not prefix.prefixlen <= length <= LONGEST_LINE_PREFIX:
        yield Finding(
            (*path, "line"),
            f"a line's prefix of /{length} cannot be in this pool",
            f"give a length from {prefix.prefixlen}, the pool's, to {LONGEST_LINE_PREFIX}"
            if prefix.prefixlen <= LONGEST_LINE_PREFIX
            else f"name a pool of /{LONGEST_LINE_PREFIX} or shorter",
        )


def _unknown_classes(draft: Draft) -> Iterator[Finding]:
    known = ", ".join(f'"{name}"' for name in sorted(draft.declared)) or "none"
    for path, name in (*draft.users, *trial_users(draft.trial), *desk_users(draft.desk)):
        if name not in draft.declared:
            yield Finding(
                path,
                f'there is no class "{name}" (known: {known})',
                f"add [class.{name}] with its mode and cap, or name another class",
            )


def _names(draft: Draft) -> Iterator[Finding]:
    names: dict[str, int] = {}
    for index, line in draft.lines.items():
        first = names.setdefault(line.name, index)
        if first != index:
            yield Finding(
                ("line", index, "name"),
                f'"{line.name}" is also the name of line[{first}]',
                "give each line a name of its own; one line may list many addresses",
            )
