"""The end of the sending: letters under way arrive, the office's deferred ones are tried again."""

from __future__ import annotations

import time

from sekisho.lab import postfix, programs
from sekisho.lab.laboratory import Lab
from sekisho.lab.phases import AFTER_SECONDS
from sekisho.lab.traffic import outstanding

# Letters under way when the sending ends: Postfix gives a connect 30 s, then its queue is flushed.
_DRAIN_SECONDS = 45.0


def drain(lab: Lab) -> None:
    """Stop the sending and wait for letters under way. Raises LabError, Interrupted."""
    lab.screen.step("wait for letters under way")
    lab.bots.stop(*(bot.line for bot in programs.BOTS))
    lab.writers.stop()
    deadline = time.monotonic() + _DRAIN_SECONDS
    flushed = False
    while _under_way(lab) and time.monotonic() < deadline:
        lab.tick()
        if not flushed and time.monotonic() > deadline - _DRAIN_SECONDS + AFTER_SECONDS:
            flushed = True
            lab.command(postfix.flush_argv(lab.writers.postfix), "`postqueue -f`")


def _under_way(lab: Lab) -> bool:
    arrived = {receipt.letter for receipt in lab.arrived if receipt.letter is not None}
    waiting = outstanding(lab.writers.letters, arrived, lab.writers.failed)
    return bool(waiting or lab.writers.sending or postfix.queued(lab.writers.postfix))
