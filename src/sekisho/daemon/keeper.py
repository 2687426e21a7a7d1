"""Keeps one gate at what is wanted of it.

The keeper owns the open gate, its hold and the configuration in force. Everything that changes the
gate goes through it, one at a time; reading its state waits for nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn, Protocol

import structlog

from sekisho.api.app import Peer
from sekisho.api.models import LimitAnswer, LimitValue, RefusedReload, ReloadAnswer
from sekisho.api.problems import RefusalError
from sekisho.config import Checked, Config, Problem, cap_beyond, delay_worry, digest, errors
from sekisho.gate import Change, GateError, Tables
from sekisho.gate.hold import HoldState
from sekisho.gate.releases import cover
from sekisho.gate.tables import banks, diff, encode, learning_until, limit_change
from sekisho.model import Counters, Limit, Sweep
from sekisho.plan import (
    LimitChange,
    Overrides,
    file_limits,
    installed_limits,
    surviving,
    unfollowable,
    wanted,
)

log = structlog.get_logger()


class OpenGate(Protocol):
    """What the keeper needs of `gate.kernel.KernelGate`. Each raises GateError."""

    def installed(self) -> Tables:
        """Read the kernel's tables."""

    def apply(self, changes: Iterable[Change]) -> None:
        """Write changes in their order."""

    def counters(self) -> Counters:
        """Read what was counted."""

    def sweep(self) -> Sweep:
        """Remove what time has ended."""

    def close(self) -> None:
        """Let go; everything stays attached."""


class RunningHold(Protocol):
    """What the keeper needs of `gate.hold.Hold`."""

    def set_banks(self, banks: Mapping[int, int]) -> None:
        """Hold by these delays (bank → ms)."""

    def state(self) -> HoldState:
        """Tell what is held."""

    def stop(self) -> None:
        """Give the queues up."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is in force: replaced whole, so that a reader never sees half of a change."""

    config: Config
    digest: str
    overrides: Overrides
    tables: Tables
    loaded_at: datetime
    refused: RefusedReload | None = None

    def limits(self) -> dict[str, Limit]:
        """Return the limit of each class."""
        return {**file_limits(self.config), **self.overrides}


class Keeper:
    """One gate in the daemon's hands.

    `hold` runs and holds by the banks of `installed`, the kernel's tables as found. `file` is the
    configuration's name in messages, `read` reads and checks it again, `utc` tells the time (aware UTC).
    """

    def __init__(
        self,
        gate: OpenGate,
        hold: RunningHold,
        config: Config,
        installed: Tables,
        *,
        file: str,
        read: Callable[[], Checked],
        utc: Callable[[], datetime],
        monotonic_ns: Callable[[], int],
    ) -> None:
        self._gate: OpenGate | None = gate
        self.hold, self.file = hold, file
        self._read, self._utc = read, utc
        self._changing = threading.Lock()
        self._reloading = threading.Lock()  # taken first; the file read last is the one in force
        until_ns = learning_until(installed) or monotonic_ns() + config.gate.learn_ms * 1_000_000
        tables = encode(wanted(config, {}), installed, hold_by_queue=True, learning_until_ns=until_ns)
        log.info("gate opened", taken_over=installed_limits(installed) != {}, file=file)
        _tell_differences(installed_limits(installed), file_limits(config))
        self._apply(installed, tables, diff(installed, tables))
        self.kept = Kept(config, digest(config), {}, tables, utc())

    def set_limit(self, class_name: str, change: LimitChange, peer: Peer) -> LimitAnswer:
        """Give a class another limit by one write, effective with the next SYN of every line.

        Raises RefusalError for a class or a cap that cannot be, GateError when the kernel refuses.
        """
        with self._changing:
            kept = self.kept
            limit, in_file = self._changed(class_name, change), file_limits(kept.config)[class_name]
            try:
                write, tables = limit_change(kept.tables, class_name, limit)
            except GateError as error:  # too many different delays
                raise RefusalError(422, "invalid", "The delay cannot be", str(error)) from error
            self._apply(kept.tables, tables, (write,))
            overrides = {name: value for name, value in kept.overrides.items() if name != class_name}
            if limit != in_file:
                overrides[class_name] = limit
            self.kept = replace(kept, overrides=overrides, tables=tables)
        log.info("limit set", **_shown(class_name, limit), by_uid=peer.uid, by_pid=peer.pid)
        worry = delay_worry(limit.delay_ms) if change.delay_ms is not None else None
        return LimitAnswer(
            class_name=class_name,
            limit=LimitValue.of(limit),
            file=LimitValue.of(in_file),
            warnings=(": ".join(worry),) if worry else (),
        )

    def reload(self, peer: Peer | None) -> ReloadAnswer:
        """Read the file again and apply the difference; `peer` is None for SIGHUP.

        Raises RefusalError, with the old configuration kept, for a file with errors in it and for
        changes that a running gate cannot follow; GateError when the kernel refuses.
        """
        with self._reloading:
            checked = self._read_again()  # takes seconds with many lines, and nobody has to wait
            with self._changing:
                before = self.kept
                try:
                    self.kept = after = self._follow(self._acceptable(checked))
                except GateError as error:
                    self._note_refusal([str(error)])
                    raise
        ended = tuple(sorted(before.overrides.keys() - after.overrides.keys()))
        who = {} if peer is None else {"by_uid": peer.uid, "by_pid": peer.pid}
        log.info("configuration loaded", file=self.file, digest=after.digest, limits_ended=ended, **who)
        return ReloadAnswer(
            digest=after.digest,
            changed=after.digest != before.digest,
            ended=ended,
            warnings=tuple(problem.sentence(self.file) for problem in checked.problems),
        )

    def sweep(self) -> Sweep:
        """Remove what time has ended, and see that the hold lives. Raises GateError."""
        with self._changing:
            swept = self._open().sweep()
            if not self.hold.state().alive:
                raise GateError("a thread of the hold has ended, which is our fault: start the daemon anew")
            return swept

    def reattach(self, attach: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """Attach where it is missing, unless the gate is being taken down. Raises GateError."""
        with self._changing:
            self._open()
            return attach()

    def counters(self) -> Counters:
        """Read what was counted. Raises GateError."""
        return self._open().counters()

    def stop(self) -> None:
        """Let go of queues and kernel; the gate stays attached and limits on."""
        with self._changing:
            gate = self._open()
            self._gate = None
            self.hold.stop()
            gate.close()

    @property
    def is_open(self) -> bool:
        """Tell whether the keeper still has its gate."""
        return self._gate is not None

    def _open(self) -> OpenGate:
        if self._gate is None:
            raise RefusalError(503, "ending", "The daemon is ending", "the daemon is ending: ask again later")
        return self._gate

    def _changed(self, class_name: str, change: LimitChange) -> Limit:
        """Return a class's limit with a change made, or refuse it."""
        limits, slots = self.kept.limits(), self.kept.config.gate.slots
        if class_name not in limits:
            known = ", ".join(sorted(limits)) or "none"
            detail = f"there is no class {class_name!r} in {self.file}: there are: {known}"
            raise RefusalError(404, "unknown-class", "There is no such class", detail)
        limit = change.of(limits[class_name])
        if (wrong := cap_beyond(limit.cap, slots)) is not None:
            raise RefusalError(422, "invalid", "The cap cannot be", ": ".join(wrong))
        return limit

    def _follow(self, config: Config) -> Kept:
        """Bring the kernel to another configuration by the difference. Raises GateError, nothing changed."""
        kept = self.kept
        overrides = surviving(kept.overrides, kept.config, config)
        tables = encode(
            wanted(config, overrides),
            kept.tables,
            hold_by_queue=True,
            learning_until_ns=learning_until(kept.tables),
        )
        installed = self._open().installed()
        self._apply(installed, tables, diff(installed, tables))
        return Kept(config, digest(config), overrides, tables, self._utc())

    def _read_again(self) -> Checked:
        try:
            return self._read()
        except GateError as error:
            with self._changing:
                self._note_refusal([str(error)])
            raise

    def _acceptable(self, checked: Checked) -> Config:
        """Return the configuration, or keep the old one and refuse."""
        if checked.config is None:
            wrong = errors(checked.problems)
            _tell_problems(self.file, wrong)
            self._refuse("The file has errors", [problem.sentence(self.file) for problem in wrong])
        changed, way_out = unfollowable(self.kept.config, checked.config)
        if changed:
            reason = f"{self.file}: a running daemon cannot follow another {', '.join(changed)}: {way_out}"
            log.error("reload refused, the old configuration stays in force", why=reason)
            self._refuse("A running daemon cannot follow this", [reason])
        return checked.config

    def _note_refusal(self, problems: list[str]) -> None:
        self.kept = replace(self.kept, refused=RefusedReload(at=self._utc(), problems=tuple(problems)))

    def _refuse(self, title: str, problems: list[str]) -> NoReturn:
        self._note_refusal(problems)
        detail = f"the old configuration stays in force; {'; '.join(problems)}"
        raise RefusalError(409, "refused-file", title, detail, problems)

    def _apply(self, before: Tables, after: Tables, changes: Iterable[Change]) -> None:
        """Bring kernel and hold from one state to another; no packet is released early on the way."""
        old, new = banks(before), banks(after)
        gate = self._open()
        try:
            if old != new:
                self.hold.set_banks(cover(old, new))
            gate.apply(changes)
            if old != new:
                self.hold.set_banks(new)
        except GateError:
            gate.apply(diff(gate.installed(), before))
            self.hold.set_banks(old)
            raise


def _tell_differences(in_kernel: Mapping[str, Limit], in_file: Mapping[str, Limit]) -> None:
    """Say where the limits of a gate that is taken over give way to the file's."""
    for name, limit in in_file.items():
        before = in_kernel.get(name)
        if before is not None and before != limit:
            was = {f"was_{key}": value for key, value in _shown(name, before).items() if key != "class_name"}
            log.warning("the file's limit replaces the one found in the kernel", **_shown(name, limit), **was)


def _tell_problems(file: str, problems: Iterable[Problem]) -> None:
    """Log where a file is wrong; without the values, which may be addresses of lines."""
    for problem in problems:
        log.error("configuration refused", file=file, line=problem.line, key=problem.key)
    log.error("the old configuration stays in force", way_out=f"sekisho check {file}")


def _shown(class_name: str, limit: Limit) -> dict[str, str | int]:
    return {"class_name": class_name, **LimitValue.of(limit).model_dump(mode="json")}
