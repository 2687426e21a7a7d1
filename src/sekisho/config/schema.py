"""The configuration as frozen values: one model for each kind of table in the file.

A model judges its own values one by one; what concerns several of them is in `checks`.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sekisho.config.alerts import AlertsTable
from sekisho.config.contact import Contact, LanguageField
from sekisho.config.desk import DeskTable
from sekisho.config.listen import ClientField, ListenField, NasField
from sekisho.config.places import DatabaseUrl, ListFile, StoreUrl, Zone
from sekisho.config.private import PrivateTable
from sekisho.config.table import Table
from sekisho.config.trial import TrialTable
from sekisho.config.values import (
    Cap,
    Delay,
    Duration,
    ExemptField,
    HeldField,
    Interface,
    Ipv4Field,
    Ipv6Field,
    Name,
    NetworkField,
)
from sekisho.lines.kea import KeaNaming
from sekisho.lines.radius import Naming
from sekisho.lines.shared import MapRule, NatRule, Rule
from sekisho.model import Excess, Limit, Mode, Policy, View

_LARGEST_MAP = 1 << 26  # elements; beyond it one map alone takes gigabytes
_LAST_QUEUE = 65_536 - 64  # a gate may use 64 netfilter queues, from the first on
_DAY_MS = 24 * 3_600_000
_LONGEST_TIMEOUT_MS = 24 * 3_600_000

Size = Annotated[int, Field(strict=True, ge=1, le=_LARGEST_MAP)]
Kept = Annotated[Duration, Field(ge=_DAY_MS)]
Timeout = Annotated[Duration, Field(ge=1, le=_LONGEST_TIMEOUT_MS)]


class TimeoutsTable(Table):
    """[gate.timeouts]: how long a slot waits in silence (ms)."""

    syn_ms: Timeout = Field(30_000, alias="syn")
    idle_ms: Timeout = Field(900_000, alias="idle")
    half_closed_ms: Timeout = Field(120_000, alias="half_closed")
    linger_ms: Timeout = Field(5_000, alias="linger")


class GateTable(Table):
    """[gate]: where the gate stands, what it never limits, and its sizes."""

    name: Name = "gate"
    subscriber: tuple[Interface, ...] = ()
    uplink: tuple[Interface, ...] = ()
    exempt: tuple[ExemptField, ...] = ()
    view: View = View.FULL
    learn_ms: Annotated[Duration, Field(le=3_600_000)] = Field(60_000, alias="learn")
    unknown_source: Policy = Policy.PASS
    unknown_ethertype: Policy = Policy.PASS
    lines: Size = 65_536
    slots: Size = 262_144
    known: Size = 65_536
    addresses: Size = 131_072
    queue: Annotated[int, Field(strict=True, ge=0, le=_LAST_QUEUE)] = 2_500
    timeouts: TimeoutsTable = TimeoutsTable.model_validate({})

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Return every interface that is named, once."""
        return tuple(dict.fromkeys((*self.subscriber, *self.uplink)))


class PoolTable(Table):
    """[[pool]]: a prefix whose addresses are handed to lines of one class."""

    prefix: NetworkField = Field(examples=['"100.64.0.0/16"'])
    class_name: Name = Field(alias="class", examples=['"dynamic"'])
    line: Annotated[int, Field(strict=True)] | None = None

    @property
    def line_length(self) -> int:
        """Return the prefix length in bits of one line."""
        return self.prefix.max_prefixlen if self.line is None else self.line


class ClassTable(Table):
    """[class.NAME]: the limit of a class."""

    mode: Mode = Field(examples=['"enforce"'])
    cap: Cap = Field(examples=["5"])
    delay_ms: Delay = Field(alias="delay", examples=['"1s"'])
    excess: Excess = Excess.DROP

    @property
    def limit(self) -> Limit:
        """Return the limit as a value."""
        return Limit(mode=self.mode, cap=self.cap, delay_ms=self.delay_ms, excess=self.excess)


class LineTable(Table):
    """[[line]]: a line that is known by name, with all that it holds."""

    name: Annotated[str, Field(strict=True, min_length=1, max_length=200)] = Field(examples=['"office-17"'])
    class_name: Name = Field(alias="class", examples=['"fixed"'])
    addresses: tuple[HeldField, ...] = Field(examples=['["192.0.2.7"]'])
    contact: Contact = Field("", repr=False)
    language: LanguageField = ""


class MapTable(Table):
    """[[map]]: a MAP-E rule (RFC 7597): a line's share of an IPv4 address follows from its prefix."""

    ipv6: Ipv6Field = Field(examples=['"2001:db8::/40"'])
    ipv4: Ipv4Field = Field(examples=['"192.0.2.0/24"'])
    ea_bits: Annotated[int, Field(strict=True, ge=1, le=48)] = Field(examples=["16"])
    psid_offset: Annotated[int, Field(strict=True, ge=0, le=15)] = 6
    class_name: Name = Field(alias="class", examples=['"dynamic"'])

    @property
    def rule(self) -> MapRule:
        """Return the rule as a value."""
        return MapRule(self.ipv6, self.ipv4, self.ea_bits, self.psid_offset, self.class_name)


class NatTable(Table):
    """[[nat]]: deterministic NAT (RFC 7422): it follows from the line's inside address."""

    inside: Ipv4Field = Field(examples=['"100.64.0.0/20"'])
    outside: Ipv4Field = Field(examples=['"198.51.100.0/26"'])
    ports: Annotated[int, Field(strict=True, ge=1, le=65_535)] = Field(examples=["1008"])
    first: Annotated[int, Field(strict=True, ge=0, le=65_535)] = 1_024
    class_name: Name = Field(alias="class", examples=['"dynamic"'])

    @property
    def rule(self) -> NatRule:
        """Return the rule as a value."""
        return NatRule(self.inside, self.outside, self.first, self.ports, self.class_name)


class StoreTable(Table):
    """[store]: where lines and leases are kept, and how long; `skew`: by how much clocks may differ."""

    url: StoreUrl | None = None
    leases_ms: Kept = Field(183 * _DAY_MS, alias="leases")
    audit_ms: Kept = Field(1_095 * _DAY_MS, alias="audit")
    skew_ms: Annotated[Duration, Field(le=3_600_000)] = Field(5_000, alias="skew")


class RadiusTable(Table):
    """[radius]: where accounting is received, and by which of its attributes lines are named."""

    listen: tuple[ListenField, ...] = Field(examples=['["127.0.0.1:1813"]'])
    line: tuple[Naming, ...] = (Naming.CLASS, Naming.USER_NAME)


class RadiusClientTable(Table):
    """[[radius.client]]: who may send accounting, and the file that holds the secret shared with it.

    `nas`, `pools`: of which NASes and of which addresses it may speak; empty: of any.
    """

    name: Name = Field(examples=['"bng1"'])
    address: ClientField = Field(examples=['"192.0.2.1"'])
    secret_file: Annotated[str, Field(strict=True, min_length=1)] = Field(examples=['"secrets/bng1"'])
    nas: tuple[NasField, ...] = ()
    pools: tuple[NetworkField, ...] = ()


class ListTable(Table):
    """[lines]: the file with the static list of lines."""

    file: ListFile = Field(examples=['"lines.csv"'])


class KeaTable(Table):
    """[kea]: that Kea's hook may tell of leases, and by what of a client its line is named."""

    user: Annotated[str, Field(strict=True, min_length=1)] = "_kea"
    line: tuple[KeaNaming, ...] = (KeaNaming.CIRCUIT_ID, KeaNaming.CLIENT_ID, KeaNaming.HARDWARE)


class RadacctTable(Table):
    """[radacct]: FreeRADIUS's table of accounting in a database, which is asked for what is new."""

    url: DatabaseUrl | None = None
    url_file: Annotated[str, Field(strict=True, min_length=1)] | None = None
    every_ms: Annotated[Duration, Field(ge=1_000, le=3_600_000)] = Field(10_000, alias="every")
    line: tuple[Naming, ...] = (Naming.CLASS, Naming.USER_NAME)
    zone: Zone | None = None


class Config(BaseModel):
    """A configuration without errors. Equal files give equal values."""

    model_config = ConfigDict(frozen=True)

    gate: GateTable
    classes: dict[str, ClassTable]
    pools: tuple[PoolTable, ...]
    lines: tuple[LineTable, ...]
    maps: tuple[MapTable, ...] = ()
    nats: tuple[NatTable, ...] = ()
    store: StoreTable | None = None
    radius: RadiusTable | None = None
    radius_clients: tuple[RadiusClientTable, ...] = ()
    static_list: ListTable | None = None
    kea: KeaTable | None = None
    radacct: RadacctTable | None = None
    trial: TrialTable | None = None
    alerts: AlertsTable | None = None
    desk: DeskTable | None = None
    private: PrivateTable | None = None

    @property
    def kept(self) -> StoreTable:
        """Return [store], or its defaults."""
        return self.store or StoreTable.model_validate({})

    @property
    def keeps_lines(self) -> bool:
        """Tell whether there is a store: it is asked for, or any of what cannot be without it is."""
        sources = (self.radius, self.static_list, self.kea, self.radacct)
        wanting = (self.store, *sources, self.trial, self.desk, self.private)
        return any(table is not None for table in wanting)


def share_rules(config: Config) -> tuple[Rule, ...]:
    """Return the rules by which lines share IPv4 addresses."""
    return (*(table.rule for table in config.maps), *(table.rule for table in config.nats))


def digest(config: Config) -> str:
    """Return the SHA-256 by which two configurations are told apart, in hexadecimal."""
    return hashlib.sha256(config.model_dump_json().encode()).hexdigest()
