"""What the office wants of the gate: what the configuration says, what operators have set since, the roster.

Over the limits of the file stand those of the trial, and over these what operators have set. An override is
a limit that `gate set` has given a class while the daemon runs. It lasts until the file gives that class
another limit than before, the class is gone, the trial takes it, or the daemon starts anew: the file is
what survives. Until then it is shown beside the file's limit.

The lines of the file stand before the roster: their class is the file's, and so is whose their addresses
are. A limit of such a line's own is the roster's to give.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from sekisho.config import Config
from sekisho.config.schema import share_rules
from sekisho.gate import Tables
from sekisho.gate.abi import MAX_BANKS
from sekisho.gate.indices import class_names, limits_by_index
from sekisho.lines.numbers import following, own_number
from sekisho.lines.shared import port_plans
from sekisho.lines.static import config_list
from sekisho.model import (
    Excess,
    KnownLine,
    Limit,
    Mode,
    Pool,
    Roster,
    RosterChange,
    Timeouts,
    Wanted,
)
from sekisho.trial.plan import Plan, observing
from sekisho.trial.standing import Standing, State

Overrides = Mapping[str, Limit]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_KEPT_TO: Mapping[str, Callable[[Config], object]] = {
    "[store]": lambda config: config.keeps_lines and (config.kept.url,),
    "[radius] listen": lambda config: config.radius and config.radius.listen,
    "[kea]": lambda config: config.kea and config.kea.user,
    "[radacct]": lambda config: config.radacct,
    "[desk]": lambda config: config.desk is not None,
    "[desk.intake] lmtp and smtp": lambda config: config.desk and config.desk.places,
    "[desk.intake] http": lambda config: (
        (config.desk and config.desk.intake and config.desk.intake.http) or None
    ),
}
"""What is opened once, by the name that it has in the file."""


@dataclass(frozen=True, slots=True)
class LimitChange:
    """What of a class's limit is to be another; None leaves it as it is."""

    mode: Mode | None = None
    cap: int | None = None
    delay_ms: int | None = None
    excess: Excess | None = None

    def of(self, limit: Limit) -> Limit:
        """Return the limit with the changes made."""
        return Limit(
            mode=limit.mode if self.mode is None else self.mode,
            cap=limit.cap if self.cap is None else self.cap,
            delay_ms=limit.delay_ms if self.delay_ms is None else self.delay_ms,
            excess=limit.excess if self.excess is None else self.excess,
        )


def wanted(config: Config, overrides: Overrides, numbers: Mapping[str, int]) -> Wanted:
    """Return what the gate shall do by a configuration without errors and the overrides.

    `numbers`: of the configuration's lines, by name.
    """
    gate, listed = config.gate, config_list(config)
    return Wanted(
        classes={**file_limits(config), **overrides},
        pools=tuple(Pool(pool.prefix, pool.line_length, pool.class_name) for pool in config.pools),
        exempt=gate.exempt,
        lines={numbers[line.name]: KnownLine(line.class_name) for line in config.lines},
        addresses={address: numbers[name] for address, name in listed.addresses.items()},
        port_plans={**dict(port_plans(share_rules(config))), **listed.port_plans},
        timeouts=Timeouts(
            syn_ms=gate.timeouts.syn_ms,
            idle_ms=gate.timeouts.idle_ms,
            half_closed_ms=gate.timeouts.half_closed_ms,
            linger_ms=gate.timeouts.linger_ms,
        ),
        view=gate.view,
        unknown_source=gate.unknown_source,
        unknown_ethertype=gate.unknown_ethertype,
    )


def before_roster(by_file: Wanted, config: Config, shared: Collection[bytes]) -> Wanted:
    """Return what the gate shall do while nobody knows who shares an address by a rule.

    Its pool judges it whole, unless it is divided already (`shared`): there the lines may be known.
    """
    by_rule = {network for network, _ in port_plans(share_rules(config))} - set(shared)
    if not by_rule:
        return by_file
    plans = {network: plan for network, plan in by_file.port_plans.items() if network not in by_rule}
    return replace(by_file, port_plans=plans)


def with_roster(by_file: Wanted, roster: Roster) -> Wanted:
    """Return what the gate shall do by the file and a roster together."""
    of_file = {number: _both(line, roster.lines.get(number)) for number, line in by_file.lines.items()}
    return replace(
        by_file,
        lines=_over(roster.lines, of_file),
        addresses=_over(roster.addresses, by_file.addresses),
        port_plans=_over(roster.port_plans, by_file.port_plans),
    )


def beside(of_file: Roster, change: RosterChange) -> RosterChange:
    """Return what of a roster's change becomes another in the gate, where the file has lines too."""
    lines = {
        number: _both(of_file.lines[number], line) if number in of_file.lines else line
        for number, line in change.lines.items()
    }
    addresses = {key: line for key, line in change.addresses.items() if key not in of_file.addresses}
    return RosterChange(lines, addresses)


def file_limits(config: Config) -> dict[str, Limit]:
    """Return the limit that the file gives each class."""
    return {name: table.limit for name, table in config.classes.items()}


def trial_limits(standing: Standing | None) -> Mapping[str, Limit]:
    """Return the limits that a trial, if there is one, gives classes over the file's."""
    return {} if standing is None else standing.limits


def not_held(overrides: Overrides, standing: Standing | None) -> dict[str, Limit]:
    """Return the overrides that a trial leaves: other values than the plan's would spoil what it measures."""
    held = frozenset() if standing is None else standing.holds
    return {name: limit for name, limit in overrides.items() if name not in held}


def observed_first(in_kernel: Mapping[str, Limit], changes: Mapping[str, Limit]) -> list[tuple[str, Limit]]:
    """Return what is to be written before changes, so that what is to be observed waits for no queue.

    Another delay needs other queue rules, which take a while and may fail; the mode alone needs none.
    """
    return [
        (name, observing(in_kernel[name]))
        for name, limit in changes.items()
        if limit.mode is Mode.OBSERVE
        and in_kernel[name].mode is Mode.ENFORCE
        and limit.delay_ms != in_kernel[name].delay_ms
    ]


def too_many_delays(config: Config, overrides: Overrides, standing: Standing | None) -> str | None:
    """Say why there would be no bank of queues for a delay that the trial is still to give; else None."""
    if standing is None or standing.state is State.OVER:
        return None
    limits = {**file_limits(config), **overrides}.values()
    delays = {limit.delay_ms for limit in limits} | _delays_ms(standing.plan)
    if len(delays - {0}) <= MAX_BANKS:
        return None
    return (
        f"with those that trial {standing.plan.name!r} is still to give there would be "
        f"{len(delays - {0})} different delays, more than {MAX_BANKS}: give some limits the same delay"
    )


def installed_limits(tables: Tables) -> dict[str, Limit]:
    """Return the limit that the kernel applies to each class."""
    by_index, names = limits_by_index(tables), class_names(tables).items()
    return {name: by_index[index] for name, index in names if name and index in by_index}


def surviving(
    overrides: Overrides, old: Config, new: Config, standing: Standing | None = None
) -> dict[str, Limit]:
    """Return the overrides that outlive a reload: where the file's limit is unchanged and no trial holds.

    `standing`: of the trial of the new configuration.
    """
    before, after = file_limits(old), file_limits(new)
    planned = {**after, **trial_limits(standing)}
    return {
        name: limit
        for name, limit in not_held(overrides, standing).items()
        if name in after and after[name] == before.get(name) and limit != planned[name]
    }


def unfollowable(old: Config, new: Config) -> tuple[tuple[str, ...], str]:
    """Name the keys whose change a running daemon cannot follow, and the way out."""
    for keys, way_out in (
        (("name", "lines", "slots", "known", "addresses"), "run `sekisho gate down`, then `sekisho gate up`"),
        (("subscriber", "uplink", "queue"), "start the daemon anew; the gate stays attached meanwhile"),
    ):
        changed = tuple(key for key in keys if getattr(old.gate, key) != getattr(new.gate, key))
        if changed:
            return changed, way_out
    changed = tuple(name for name, of in _KEPT_TO.items() if of(old) != of(new))
    return changed, "start the daemon anew; the gate stays attached meanwhile" if changed else ""


def line_numbers(names: Iterable[str]) -> dict[str, int]:
    """Give each line a number below 2**48 made of its name, which it keeps whatever stands around it.

    Two names that meet in one number are told apart in the order of the names.
    """
    numbers: dict[str, int] = {}
    taken: set[int] = set()
    for name in sorted(set(names)):
        number = own_number(name)
        while number in taken:
            number = following(number)
        taken.add(number)
        numbers[name] = number
    return numbers


def _delays_ms(plan: Plan) -> set[int]:
    changed = [limit for phase in plan.phases for _, limit in phase.limits]
    changed += [] if plan.switchback is None else [limit for _, limit in plan.switchback.on]
    return {limit.delay_ms for limit in changed}


def _over(below: Mapping[_Key, _Value], above: Mapping[_Key, _Value]) -> Mapping[_Key, _Value]:
    return {**below, **above} if above else below  # a million entries are not copied for nothing


def _both(in_file: KnownLine, in_roster: KnownLine | None) -> KnownLine:
    if in_roster is None:
        return in_file
    return replace(in_file, limit=in_roster.limit, counted=in_roster.counted)
