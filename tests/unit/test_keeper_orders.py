"""Rosters, changes of them, reloads and restarts in any order: the kernel always has the lines that are due.

Where the roster is not known the lines that are there are due, with those of the file over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sekisho.gate import abi
from sekisho.model import Address, KnownLine, Limit, Mode, Roster, RosterChange
from sekisho.plan import LimitChange, line_numbers
from tests.unit.keeping import TEXT, Scene, lines_in_kernel
from tests.unit.test_keeper import PEER

OFFICE, SHOP = (line_numbers([name])[name] for name in ("office", "shop"))
SHARED = Address(bytes([100, 64, 0, 1]), 32)
MOVING = [SHARED, Address(bytes([100, 64, 0, 2]), 32), Address(b"\x20\x01" + bytes(14), 56)]
FIXED = KnownLine("fixed")
SLOW = KnownLine("dynamic", Limit(Mode.ENFORCE, 1, 3_000))
RELIEF = Limit(Mode.OBSERVE, 5, 700)


@dataclass(frozen=True)
class File:
    """A configuration, and the lines in it."""

    text: str
    lines: dict[int, KnownLine]
    addresses: dict[Address, int]


OFFICE_TEXT = '[[line]]\nname = "office"\nclass = "fixed"\naddresses = ["100.64.0.1", "2001:db8:1::/48"]\n'
SHOP_TEXT = '[[line]]\nname = "shop"\nclass = "dynamic"\naddresses = ["100.64.0.9"]\n'
OFFICE_HOLDS = {SHARED: OFFICE, Address(b"\x20\x01\x0d\xb8\0\1" + bytes(10), 48): OFFICE}
SHOP_HOLDS = {Address(bytes([100, 64, 0, 9]), 32): SHOP}
FILES = [
    File(TEXT, {}, {}),
    File(TEXT + OFFICE_TEXT, {OFFICE: FIXED}, OFFICE_HOLDS),
    File(TEXT.split("[class.fixed]", maxsplit=1)[0] + SHOP_TEXT, {SHOP: KnownLine("dynamic")}, SHOP_HOLDS),
    File(
        TEXT.replace("cap = 20", "cap = 21") + OFFICE_TEXT + SHOP_TEXT,
        {OFFICE: FIXED, SHOP: KnownLine("dynamic")},
        OFFICE_HOLDS | SHOP_HOLDS,
    ),
]


class Orders(RuleBasedStateMachine):
    """A keeper; what the office knows, unless it is `away`; and what is `due` in the kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.file, self.away = FILES[0], False
        self.lines: dict[int, KnownLine] = {}
        self.addresses: dict[Address, int] = {}
        self.due = Roster()
        self.scene = Scene()

    @precondition(lambda self: not self.away)
    @rule(
        line=st.sampled_from([1, 2, OFFICE, SHOP]),
        how=st.builds(KnownLine, st.sampled_from(["dynamic", "fixed"]), st.sampled_from([None, RELIEF])),
        addresses=st.sets(st.sampled_from(MOVING), min_size=1),
    )
    def line_holds(self, line: int, how: KnownLine, addresses: set[Address]) -> None:
        """A line holds these addresses beside what it has; who has none left is no longer known."""
        held = self.addresses | dict.fromkeys(addresses, line)
        gone = self.lines.keys() - set(held.values())
        self.change({line: self.treated(how)} | dict.fromkeys(gone - {line}), dict.fromkeys(addresses, line))

    @precondition(lambda self: not self.away)
    @rule(addresses=st.sets(st.sampled_from(MOVING), min_size=1))
    def addresses_are_given_back(self, addresses: set[Address]) -> None:
        left = {line for address, line in self.addresses.items() if address not in addresses}
        self.change(dict.fromkeys(self.lines.keys() - left), dict.fromkeys(addresses))

    @rule(roster=st.sampled_from([Roster(), Roster({1: FIXED, 2: SLOW}, {SHARED: 1, MOVING[1]: 2})]))
    def office_tells_all(self, roster: Roster) -> None:
        self.away, self.lines, self.addresses = False, dict(roster.lines), dict(roster.addresses)
        self.scene.set_roster(self.roster())
        self.due = self.expected()

    @rule(class_name=st.sampled_from(["dynamic", "fixed"]), delay_ms=st.sampled_from([0, 300, 2_000]))
    def limit_is_set(self, class_name: str, delay_ms: int) -> None:
        if class_name in self.scene.keeper.kept.limits():
            self.scene.keeper.set_limit(class_name, LimitChange(delay_ms=delay_ms), PEER)

    @rule(file=st.sampled_from(FILES), away=st.booleans())
    def file_is_reloaded(self, file: File, away: bool) -> None:
        former, self.file, self.away = self.file, file, self.away or away
        self.scene.roster, self.scene.text = self.roster(), file.text
        self.scene.keeper.reload(None)
        self.due = self.expected(former)

    @rule(file=st.sampled_from(FILES), away=st.booleans())
    def daemon_is_restarted(self, file: File, away: bool) -> None:
        self.file, self.away = file, self.away or away
        self.scene = Scene(self.scene.gate, self.roster(), file.text)
        self.due = self.expected()

    def change(self, lines: Mapping[int, KnownLine | None], addresses: Mapping[Address, int | None]) -> None:
        for line, how in lines.items():
            self.lines.pop(line, None)
            if how is not None:
                self.lines[line] = how
        for address, holder in addresses.items():
            self.addresses.pop(address, None)
            if holder is not None:
                self.addresses[address] = holder
        self.scene.keeper.change_roster(RosterChange(lines, addresses))
        self.due = self.expected()

    def roster(self) -> Roster | None:
        """Tell what the office knows, by the file in force."""
        self.lines = {line: self.treated(how) for line, how in self.lines.items()}
        return None if self.away else Roster(dict(self.lines), dict(self.addresses))

    def treated(self, line: KnownLine) -> KnownLine:
        """Give a line a class that the file has."""
        return line if f"[class.{line.class_name}]" in self.file.text else KnownLine("dynamic", line.limit)

    def expected(self, former: File = FILES[0]) -> Roster:
        """Return what is due; `former`: the file that the keeper has followed before."""
        if self.away:
            held = {one: line for one, line in self.due.addresses.items() if one not in former.addresses}
            addresses = held | self.file.addresses
            gone = former.lines.keys() - set(addresses.values())
            lines = {line: how for line, how in self.due.lines.items() if line not in gone}
            return Roster(lines | self.file.lines, addresses)
        of_file = {
            line: replace(how, limit=self.lines[line].limit) if line in self.lines else how
            for line, how in self.file.lines.items()
        }
        return Roster(self.lines | of_file, self.addresses | self.file.addresses)

    @invariant()
    def kernel_has_what_is_due(self) -> None:
        assert lines_in_kernel(self.scene.gate) == self.due

    @invariant()
    def hold_has_the_delays(self) -> None:
        for value in self.scene.gate.tables["limits"].values():
            _, delay_ms, bank, _, _ = abi.unpack_limit(value)
            assert not delay_ms or self.scene.hold.banks[bank] == delay_ms


TestOrders = Orders.TestCase
TestOrders.settings = settings(max_examples=60, stateful_step_count=20)
