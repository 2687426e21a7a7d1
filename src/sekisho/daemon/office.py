"""What the daemon answers to whoever asks over its socket."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version

import structlog

from sekisho.api.app import Peer
from sekisho.api.models import (
    ConfigStatus,
    CountersValue,
    DaemonStatus,
    DownAnswer,
    LimitAnswer,
    ReloadAnswer,
    Status,
)
from sekisho.config import Config
from sekisho.daemon.attached import interfaces_now, take_down
from sekisho.daemon.describe import NOT_ATTACHED, InForce, counters_value, describe
from sekisho.daemon.keeper import Keeper
from sekisho.daemon.notify import notify
from sekisho.plan import LimitChange, file_limits

log = structlog.get_logger()


class RunningOffice:
    """The office of a running daemon, as `api.app.Office` wants it.

    `on_reload` is called with a configuration that has come into force, `on_down` when the gate has been
    taken down and the daemon has nothing left to do.
    """

    def __init__(
        self,
        keeper: Keeper,
        *,
        started_at: datetime,
        on_reload: Callable[[Config], object],
        on_down: Callable[[], object],
    ) -> None:
        self._keeper = keeper
        self._started_at = started_at
        self._on_reload, self._on_down = on_reload, on_down
        self._reloading = threading.Lock()  # until it is passed on: the last told of is the one in force

    def status(self) -> Status:
        """Tell the state of the gate."""
        kept = self._keeper.kept
        return describe(
            kept.config.gate.name,
            interfaces_now(kept.config.gate.name),
            kept.limits(),
            self._keeper.counters(),
            configured=kept.config.gate.interfaces,
            hold=self._keeper.hold.state(),
            in_force=InForce(file_limits(kept.config), kept.standing, kept.overrides.keys()),
            config=ConfigStatus(
                file=self._keeper.file,
                digest=kept.digest,
                loaded_at=kept.loaded_at,
                refused=kept.refused,
            ),
            daemon=DaemonStatus(pid=os.getpid(), version=version("sekisho"), started_at=self._started_at),
        )

    def counters(self) -> CountersValue:
        """Tell all counters."""
        return counters_value(self._keeper.counters())

    def set_limit(self, class_name: str, change: LimitChange, peer: Peer) -> LimitAnswer:
        """Give a class another limit, effective with the next SYN."""
        return self._keeper.set_limit(class_name, change, peer)

    def reload(self, peer: Peer | None) -> ReloadAnswer:
        """Read the file again; `peer` is None for SIGHUP."""
        with self._reloading:
            notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1_000}")
            try:
                answer = self._keeper.reload(peer)
                self._on_reload(self._keeper.kept.config)
                return answer
            finally:
                notify("READY=1")

    def down(self, peer: Peer) -> DownAnswer:
        """Detach the gate, take away rules and pins, and end the daemon."""
        name = self._keeper.kept.config.gate.name
        log.warning("taking the gate down", name=name, by_uid=peer.uid, by_pid=peer.pid)
        self._keeper.stop()
        try:
            take_down(name)
        finally:
            self._on_down()
        return DownAnswer(name=name, state=NOT_ATTACHED)
