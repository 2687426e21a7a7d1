"""Keeps one gate at what is wanted of it.

The keeper owns the open gate, its hold and the configuration in force. Everything that changes the
gate goes through it, one at a time; reading its state waits for nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NoReturn

import structlog

from sekisho.api.app import Peer
from sekisho.api.models import LimitAnswer, LimitValue, RefusedReload, ReloadAnswer
from sekisho.api.problems import RefusalError
from sekisho.config import Checked, Config, delay_worry, digest, errors
from sekisho.daemon.applying import OpenGate, RunningHold, apply
from sekisho.daemon.kept import Kept
from sekisho.daemon.preparing import Ahead
from sekisho.daemon.reconciling import Told, reconcile
from sekisho.daemon.telling import shown, tell_differences, tell_problems
from sekisho.gate import FullError, GateError, Tables
from sekisho.gate.peaks import KernelPeaks
from sekisho.gate.roster import (
    fitting,
    installed_prefix_lengths,
    known_rows,
    line_changes,
    read_known,
    settings_for,
)
from sekisho.gate.tables import diff, limit_change
from sekisho.model import Counters, KnownLine, Limit, Roster, RosterChange, Sweep
from sekisho.plan import (
    LimitChange,
    beside,
    file_limits,
    installed_limits,
    not_held,
    observed_first,
    surviving,
    trial_limits,
    unfollowable,
)
from sekisho.trial.standing import Standing, delays_to_come_ms

DAY: Final = timedelta(days=1)

log = structlog.get_logger()


class Keeper:
    """One gate in the daemon's hands.

    `hold` runs and holds by the banks of the gate's tables as found. `file` is the configuration's name in
    messages, `read` reads and checks it again. `roster` tells who holds what by a configuration, None where
    that is not known yet: then the kernel's lines stay; changes of the roster wait for it. `numbers` tells
    the lines' numbers by name, `trial` how the trial of a configuration stands, without waiting for anything.
    `utc` tells the time (aware UTC).
    """

    def __init__(
        self,
        gate: OpenGate,
        hold: RunningHold,
        config: Config,
        *,
        file: str,
        read: Callable[[], Checked],
        roster: Callable[[Config], Roster | None],
        numbers: Callable[[Iterable[str]], Mapping[str, int]],
        trial: Callable[[Config], Standing | None],
        utc: Callable[[], datetime],
        monotonic_ns: Callable[[], int],
    ) -> None:
        self._gate: OpenGate | None = gate
        self.hold, self.file = hold, file
        self._ahead = Ahead(hold)
        self._read, self._roster, self._numbers, self._trial = read, roster, numbers, trial
        self._utc, self._monotonic_ns = utc, monotonic_ns
        self._changing = threading.Lock()
        self._rostering = threading.Lock()  # taken before: a roster and the changes after it, in their order
        self._reloading = threading.Lock()  # taken first; the file read last is the one in force
        self.found = installed_limits(gate.settings())
        log.info("gate opened", taken_over=self.found != {}, file=file)
        told, standing = self._ask(config), trial(config)
        tell_differences(self.found, file_limits(config), trial_limits(standing))
        of_file, tables, _ = self._reconcile(config, trial_limits(standing), Roster(), told)
        self.kept = Kept(config, digest(config), standing, {}, of_file, tables, utc())
        self._prepare()

    def set_limit(self, class_name: str, change: LimitChange, peer: Peer) -> LimitAnswer:
        """Give a class another limit by one write, effective with the next SYN of every line.

        Raises RefusalError for a class or a cap that cannot be, GateError when the kernel refuses.
        """
        with self._changing:
            kept = self.kept
            after = kept.changed(class_name, change, self.file)
            limit = after.limits()[class_name]
            try:
                write, tables = limit_change(kept.tables, class_name, limit, self._ahead.banks)
            except GateError as error:  # too many different delays
                raise RefusalError(422, "invalid", "The delay cannot be", str(error)) from error
            apply(self._open(), self.hold, kept.tables, tables, (write,), self._ahead.banks)
            self.kept = replace(after, tables=tables)
            self._prepare()
        log.info("limit set", **shown(class_name, limit), by_uid=peer.uid, by_pid=peer.pid)
        worry = delay_worry(limit.delay_ms) if change.delay_ms is not None else None
        return LimitAnswer(
            class_name=class_name,
            limit=LimitValue.of(limit),
            file=LimitValue.of(file_limits(kept.config)[class_name]),
            warnings=(": ".join(worry),) if worry else (),
        )

    def follow_trial(self) -> tuple[str, ...]:
        """Give each class that the trial wants otherwise its limit by one write; return which had another.

        Raises GateError; what is done stays, and the rest is when this is called again.
        """
        with self._changing:
            gate, kept = self._open(), self.kept
            standing = self._trial(kept.config)
            after = replace(kept, standing=standing, overrides=not_held(kept.overrides, standing))
            in_kernel, tables = installed_limits(kept.tables), kept.tables
            changed = {name: limit for name, limit in after.limits().items() if in_kernel[name] != limit}
            try:
                for name, limit in (*observed_first(in_kernel, changed), *changed.items()):
                    write, then = limit_change(tables, name, limit, self._ahead.banks)
                    apply(gate, self.hold, tables, then, (write,), self._ahead.banks)
                    tables = then
            except GateError:
                self.kept = replace(kept, tables=tables)
                raise
            self.kept = replace(after, tables=tables)
            self._prepare()
        for name in kept.overrides.keys() - after.overrides.keys():
            log.warning("the trial takes the class: the limit of `gate set` ends", class_name=name)
        return tuple(changed)

    def reload(self, peer: Peer | None) -> ReloadAnswer:
        """Read the file again and apply the difference; `peer` is None for SIGHUP.

        Raises RefusalError, with the old configuration kept, for a file with errors in it and for
        changes that a running gate cannot follow; GateError when the kernel refuses.
        """
        with self._reloading:
            checked = self._read_again()  # takes seconds with many lines, and nobody has to wait
            with self._rostering:
                before, after, full = self._follow(self._acceptable(checked))
        ended = tuple(sorted(before.overrides.keys() - after.overrides.keys()))
        who = {} if peer is None else {"by_uid": peer.uid, "by_pid": peer.pid}
        log.info("configuration loaded", file=self.file, digest=after.digest, limits_ended=ended, **who)
        warnings = [problem.sentence(self.file) for problem in checked.problems]
        if full is not None:
            warnings.append(str(full))
        return ReloadAnswer(
            digest=after.digest,
            changed=after.digest != before.digest,
            ended=ended,
            warnings=tuple(warnings),
        )

    def reload_roster(self) -> bool:
        """Ask for the roster again and bring the kernel's lines to it; where it is not known they stay.

        Tell whether it is known.

        Raises GateError, with nothing changed; FullError, with all written that has room.
        """
        with self._rostering:
            config = self.kept.config
            told = self._ask(config)
            with self._changing:
                kept = self.kept
                of_file, tables, full = self._reconcile(config, kept.over_file(), kept.of_file, told)
                self.kept = replace(kept, of_file=of_file, tables=tables)
                self._prepare()
        if full is not None:
            raise full
        return told.roster is not None

    def change_roster(self, change: RosterChange) -> None:
        """Bring a change of some lines into the kernel, at a cost that their number alone decides.

        Raises GateError, with all written that came before what failed, in an order in which nothing
        dangles, and FullError, with all written that has room. Whoever repeats the change does no harm.
        """
        with self._rostering, self._changing:
            gate, kept = self._open(), self.kept
            change, misfits = _fitting(beside(kept.of_file, change), kept.tables)
            tables = settings_for(change, kept.tables)
            changes = line_changes(change, tables)
            if tables is not kept.tables:
                apply(gate, self.hold, kept.tables, tables, diff(kept.tables, tables), self._ahead.banks)
                self.kept = replace(kept, tables=tables)
                self._prepare()  # a line's own delay may have taken a bank that was ready for another
            gate.apply(changes)
        if misfits is not None:
            raise misfits

    def known_line(self, line: int) -> KnownLine | None:
        """Return how the kernel treats a line, None where it does not know it. Raises GateError."""
        with self._changing:
            value = self._open().known(known_rows((line,)).tobytes())
            return None if value is None else read_known(value, self.kept.tables)

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

    def counters_id(self) -> int:
        """Return what tells these counters from others since the boot. Raises GateError."""
        return self._open().counters_id()

    @contextmanager
    def peaks(self) -> Iterator[KernelPeaks]:
        """Give what counts lines by their peaks. Raises GateError."""
        with self._changing, self._open().peaks() as peaks:
            yield peaks

    def met_cap(self, line: int) -> datetime | None:
        """Return when a known line last met its cap, in the last day. Raises GateError."""
        with self.peaks() as peaks:
            at_ns = peaks.met_cap(line)
        if at_ns is None:
            return None
        ago = timedelta(microseconds=(self._monotonic_ns() - at_ns) // 1_000)
        return self._utc() - ago if ago < DAY else None

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

    def _follow(self, config: Config) -> tuple[Kept, Kept, FullError | None]:
        """Bring the kernel to another configuration by the difference; return what was and is in force.

        Raises GateError, with nothing changed but that it is told.
        """
        try:
            told = self._ask(config)  # takes seconds with many lines, and only changes of them wait
            with self._changing:
                kept, standing = self.kept, self._trial(config)
                overrides = surviving(kept.overrides, kept.config, config, standing)
                over_file = {**trial_limits(standing), **overrides}
                of_file, tables, full = self._reconcile(config, over_file, kept.of_file, told)
                now, new = self._utc(), digest(config)
                self.kept = after = Kept(config, new, standing, overrides, of_file, tables, now)
                self._prepare()
        except GateError as error:
            self._note_refusal([str(error)])
            raise
        return kept, after, full

    def _prepare(self) -> None:
        """Be ready for the delays that the trial is still to give."""
        self._ahead.prepare(delays_to_come_ms(self.kept.standing), self.kept.tables)

    def _ask(self, config: Config) -> Told:
        """Ask the office for numbers and roster; its store may let one wait, and nobody else has to."""
        return Told(self._numbers(line.name for line in config.lines), self._roster(config))

    def _reconcile(
        self, config: Config, over_file: Mapping[str, Limit], former: Roster, told: Told
    ) -> tuple[Roster, Tables, FullError | None]:
        return reconcile(
            self._open(),
            self.hold,
            config,
            over_file,
            told,
            former=former,
            ahead=self._ahead.banks,
            monotonic_ns=self._monotonic_ns,
        )

    def _read_again(self) -> Checked:
        try:
            return self._read()
        except GateError as error:
            self._note_refusal([str(error)])
            raise

    def _acceptable(self, checked: Checked) -> Config:
        """Return the configuration, or keep the old one and refuse."""
        if checked.config is None:
            wrong = errors(checked.problems)
            tell_problems(self.file, wrong)
            self._refuse("The file has errors", [problem.sentence(self.file) for problem in wrong])
        changed, way_out = unfollowable(self.kept.config, checked.config)
        if changed:
            reason = f"{self.file}: a running daemon cannot follow another {', '.join(changed)}: {way_out}"
            log.error("reload refused, the old configuration stays in force", why=reason)
            self._refuse("A running daemon cannot follow this", [reason])
        return checked.config

    def _note_refusal(self, problems: list[str]) -> None:
        refused = RefusedReload(at=self._utc(), problems=tuple(problems))
        with self._changing:
            self.kept = replace(self.kept, refused=refused)

    def _refuse(self, title: str, problems: list[str]) -> NoReturn:
        self._note_refusal(problems)
        detail = f"the old configuration stays in force; {'; '.join(problems)}"
        raise RefusalError(409, "refused-file", title, detail, problems)


def _fitting(change: RosterChange, tables: Tables) -> tuple[RosterChange, FullError | None]:
    addresses, misfits = fitting(change.addresses, installed_prefix_lengths(tables))
    return replace(change, addresses=addresses), misfits
