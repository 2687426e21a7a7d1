"""Lines come and go on NASes that restart; what is said of it arrives late, twice, in any order and batches.

Whatever happens, no address has two holders at one moment; and when everything has arrived the leases are
what truly was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sekisho.lines.events import Boot, Event, Kind, login_key
from sekisho.model import Address
from tests.unit.ledger import Ledger

BEGIN = datetime(2026, 11, 24, tzinfo=UTC)
NASES = st.sampled_from(["bng1", "bng2"])
LINES = st.sampled_from([1, 2, 3])
ADDRESSES = [Address(bytes((100, 64, 0, number)), 32) for number in range(3)]


@dataclass
class Login:
    """What truly is: a line has an address; `end` None while it has, as far as anybody can tell."""

    nas: str
    line: int
    key: bytes
    address: Address
    begin: datetime
    end: datetime | None = None
    is_there: bool = True  # not so of one whose Stop nobody sends


class Network(RuleBasedStateMachine):
    """NASes, their lines, and the accounting on its way to us."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.logins: list[Login] = []
        self.numbers = {"bng1": 0, "bng2": 0}
        self.on_the_way: list[Event | Boot] = []
        self.said: list[Event | Boot] = []
        self.ledger = Ledger()

    @rule(nas=NASES, line=LINES, address=st.sampled_from(ADDRESSES))
    def come(self, nas: str, line: int, address: Address) -> None:
        """A line comes online where it is not yet, with an address that nobody has."""
        if any((one.nas, one.line) == (nas, line) or one.address == address for one in self.there()):
            return
        self.numbers[nas] += 1
        key = login_key(nas, str(self.numbers[nas]), str(line))  # used again after a restart
        login = Login(nas, line, key, address, self.tick())
        self.logins.append(login)
        self.say(Kind.START, login)

    @precondition(lambda self: any(self.there()))
    @rule(data=st.data())
    def stay(self, data: st.DataObject) -> None:
        self.tick()
        self.say(Kind.INTERIM, self.one(data))

    @precondition(lambda self: any(self.there()))
    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        login = self.one(data)
        login.end, login.is_there = self.tick(), False
        self.say(Kind.STOP, login)

    @precondition(lambda self: any(self.there()))
    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        """The Stop is lost: nobody knows until the address is another's, or the NAS restarts."""
        self.one(data).is_there = False

    @rule(nas=NASES)
    def restart(self, nas: str) -> None:
        at = self.tick()
        self.numbers[nas] = 0
        for login in self.logins:
            if login.nas == nas and login.end is None:
                login.end, login.is_there = at, False
        self.send(Boot(nas, at))

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        """Some of what is on its way arrives in one batch."""
        count = data.draw(st.integers(1, len(self.on_the_way)))
        mixed = data.draw(st.permutations(self.on_the_way))
        self.on_the_way = mixed[count:]
        self.ledger.take(mixed[:count])

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def arrive_again(self, data: st.DataObject) -> None:
        self.ledger.take(data.draw(st.lists(st.sampled_from(self.said), min_size=1, max_size=3)))

    @invariant()
    def no_address_has_two_holders(self) -> None:
        for address in ADDRESSES:
            for (_, end, _), (begin, _, _) in pairwise(self.ledger.held(address)):
                assert end is not None
                assert end <= begin

    def teardown(self) -> None:
        """Let everything arrive; then what we know is what truly was, and the order was of no account."""
        self.ledger.take(reversed(self.on_the_way))
        in_order = Ledger()
        for one in self.said:
            in_order.take([one])
        assert self.ledger.leases == in_order.leases
        for address in ADDRESSES:
            assert list(self.ledger.held(address)) == list(self.truth(address))

    def truth(self, address: Address) -> Iterator[tuple[datetime, datetime | None, int]]:
        held = [one for one in self.logins if one.address == address]  # in the order of their coming
        begins: list[datetime | None] = [one.begin for one in held[1:]]
        for login, following in zip(held, [*begins, None], strict=False):
            ends = [end for end in (login.end, following) if end is not None]
            yield login.begin, min(ends, default=None), login.line

    def there(self) -> list[Login]:
        return [login for login in self.logins if login.is_there]

    def one(self, data: st.DataObject) -> Login:
        return data.draw(st.sampled_from(self.there()))

    def tick(self) -> datetime:
        self.now += timedelta(seconds=10)
        return self.now

    def say(self, kind: Kind, login: Login) -> None:
        self.send(Event(kind, self.now, login.nas, login.key, login.line, 0, (login.address,)))

    def send(self, one: Event | Boot) -> None:
        self.said.append(one)
        self.on_the_way.append(one)


Network.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestNetwork = Network.TestCase
