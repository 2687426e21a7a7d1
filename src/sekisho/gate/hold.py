"""The hold: keeps what the kernel program marked for the delay of its bank, and never sees a packet.

Two threads of its own: one releases (`releaser`), one keeps the rules that fill the queues (`guard`).
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sekisho.gate import GateError
from sekisho.gate.abi import MAX_BANKS
from sekisho.gate.bridges import Bridges
from sekisho.gate.guard import RuleGuard
from sekisho.gate.memory import STATE, claim
from sekisho.gate.releaser import QueueState, Releaser
from sekisho.gate.releases import quantile_ms
from sekisho.gate.rules import open_rules
from sekisho.gate.ruleset import queue_rules

BASE: Final = 2500
FANOUT: Final = 4
MAX_FANOUT: Final = 8  # a socket filter for all banks still fits the 20 kB that older kernels allow

# A thread that wants the interpreter waits this long for one that computes: 5 ms by default, as long as the
# whole release error that is wanted. Costs a computing thread less than 1 %.
SWITCH_SECONDS: Final = 0.0002


@dataclass(frozen=True, slots=True)
class BankState:
    """One bank: packets held now, released, and dropped since its queues were bound.

    `full_drops`: no room; `user_drops`: not told to us. `rule_present` as last looked at.
    """

    delay_ms: int
    held: int
    released: int
    full_drops: int
    user_drops: int
    rule_present: bool


@dataclass(frozen=True, slots=True)
class HoldState:
    """What the hold knows of itself.

    Quantiles of the lateness are upper edges of `releases.LATENESS_EDGES_MS`, None before the first
    release; `lateness` has the packets up to each edge, and beyond. `alive`: both threads run.
    `dropped`: by banks that are gone, too. `highest`: the most that was held at once since it was last taken.
    """

    banks: Mapping[int, BankState]
    late_p50_ms: float | None
    late_p99_ms: float | None
    rules_restored: int
    queues_lost: int
    alive: bool
    lateness: tuple[int, ...] = ()
    dropped: int = 0
    highest: int = 0


class Hold:
    """Holds marked packets of the network namespace in which it is started, by bank.

    `banks`: bank → delay in ms. Bank b owns queues base + b * fanout and the fanout - 1 after it.
    `interfaces`: the gate's, looked at for bridge ports.
    """

    def __init__(
        self,
        banks: Mapping[int, int],
        *,
        name: str = "gate",
        base: int = BASE,
        fanout: int = FANOUT,
        interfaces: tuple[str, ...] = (),
        state: Path = STATE,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if not (1 <= fanout <= MAX_FANOUT and 0 <= base <= 65536 - MAX_BANKS * fanout):
            raise GateError(
                f"the hold cannot have queues {base} to {base + MAX_BANKS * fanout - 1}, {fanout} a bank: "
                f"choose 1 to {MAX_FANOUT} a bank, all of them below 65536"
            )
        self._banks = dict(banks)
        self._name, self._base, self._fanout = name, base, fanout
        self._interfaces, self._state = interfaces, state
        self._releaser = Releaser(clock)
        self._changing = threading.Lock()

    def start(self) -> None:
        """Own the queues, install the rules and start the threads.

        Errors: GateError when another gate has a hold here, a queue is another's, a command, a module or a
        privilege is missing, or a rule is refused.
        """
        memory = claim(self._name, self._state)
        bridges = Bridges(self._interfaces, memory)
        self._guard = RuleGuard(open_rules(memory), bridges.keep_open)
        self._releaser.start(self._delays_ns(self._banks))
        try:
            self._guard.start(queue_rules(self._banks, self._base, self._fanout))
        except GateError:
            self._releaser.stop()
            raise
        self._switch_seconds = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)

    def set_banks(self, banks: Mapping[int, int]) -> None:
        """Hold by these delays (bank → ms) what arrives from now on; called where `start` was.

        What is held keeps its due time; a bank that is gone is emptied when due and then given up. So that
        nothing goes on early, call it with `releases.cover(old, new)` before the kernel's limits change,
        with `new` after.
        """
        with self._changing:
            delays_ns = self._delays_ns(banks)
            self._releaser.set_delays(delays_ns)
            self._guard.change(queue_rules(banks, self._base, self._fanout))
            self._releaser.retire_others(delays_ns.keys())

    def state(self) -> HoldState:
        """Return what is held, released and dropped, and how late."""
        work = self._releaser.state()
        with_rule = {rule.bank for rule in self._guard.present()}
        banks: dict[int, list[QueueState]] = {}
        for number, queue in work.queues.items():
            banks.setdefault((number - self._base) // self._fanout, []).append(queue)
        return HoldState(
            banks={bank: _bank_state(queues, bank in with_rule) for bank, queues in banks.items()},
            late_p50_ms=quantile_ms(work.lateness, 0.5),
            late_p99_ms=quantile_ms(work.lateness, 0.99),
            rules_restored=self._guard.restored,
            queues_lost=work.reopened,
            alive=work.alive and self._guard.is_alive(),
            lateness=tuple(work.lateness),
            dropped=work.dropped,
            highest=work.highest,
        )

    def take_highest(self) -> int:
        """Return the most that was held at once since this was asked last."""
        return self._releaser.take_highest()

    def stop(self) -> None:
        """Give the queues up. What they hold is dropped and comes back as retransmissions; the rules stay."""
        self._guard.stop()
        self._releaser.stop()
        sys.setswitchinterval(self._switch_seconds)

    def _delays_ns(self, banks: Mapping[int, int]) -> dict[int, int]:
        return {
            queue: delay_ms * 1_000_000
            for bank, delay_ms in banks.items()
            for queue in range(self._base + bank * self._fanout, self._base + (bank + 1) * self._fanout)
        }


def _bank_state(queues: Collection[QueueState], rule_present: bool) -> BankState:
    return BankState(
        delay_ms=max(queue.delay_ns for queue in queues) // 1_000_000,
        held=sum(queue.held for queue in queues),
        released=sum(queue.released for queue in queues),
        full_drops=sum(queue.full_drops for queue in queues),
        user_drops=sum(queue.user_drops for queue in queues),
        rule_present=rule_present,
    )
