"""The process around the keeper: opens the gate, answers, sweeps, obeys signals, ends."""

from __future__ import annotations

import asyncio
import contextlib
import pwd
import resource
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from sekisho.api.app import create_app
from sekisho.api.client import socket_path
from sekisho.api.problems import RefusalError
from sekisho.config import Config, GateTable
from sekisho.daemon.attached import is_there, take_down
from sekisho.daemon.collector import calm_collector
from sekisho.daemon.desk_at_work import DeskAtWork, desk_running, running_desk
from sekisho.daemon.equipment import EquipmentReader
from sekisho.daemon.keeper import Keeper
from sekisho.daemon.line_keeper import LineKeeper
from sekisho.daemon.lines_at_work import LinesAtWork, kept_lines
from sekisho.daemon.lock import only_daemon
from sekisho.daemon.minute_reader import MinuteReader, read_by_the_minute
from sekisho.daemon.notify import notify, wants_watchdog
from sekisho.daemon.office import RunningOffice
from sekisho.daemon.peak_keeper import PeakKeeper, peaks_kept
from sekisho.daemon.reading import read_checked
from sekisho.daemon.reattaching import keep_attached, links_watched
from sekisho.daemon.scraping import scraping
from sekisho.daemon.server import Server, listening
from sekisho.daemon.sources import FileList, Sources, running
from sekisho.daemon.state import STATE, store_url
from sekisho.daemon.trial_at_work import TrialAtWork, expecting, following, kept_trial, running_trial
from sekisho.daemon.trial_keeper import TrialKeeper
from sekisho.gate import GateError, Tables
from sekisho.gate.hold import Hold
from sekisho.gate.indices import banks
from sekisho.gate.kernel import GateSpec, open_gate
from sekisho.gate.machine import boot_id
from sekisho.gate.memory import recall
from sekisho.model import Roster
from sekisho.plan import line_numbers
from sekisho.store import StoreError
from sekisho.store.late import LateStore

SWEEP_SECONDS = 1.0
WATCHDOG_SECONDS = 1.0

log = structlog.get_logger()


def utc() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


def serve(file: Path, config: Config) -> None:
    """Attach the gate or take it over, and keep it until told to end; it stays attached after that.

    Raises GateError when something the gate needs is missing or fails.
    """
    calm_collector()
    _allow_many_files()
    name = config.gate.name
    path = socket_path(name)
    # Until the loop has handlers of its own, SIGTERM unwinds like Ctrl-C, and SIGHUP waits.
    signal.signal(signal.SIGTERM, _end_early)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    with contextlib.ExitStack() as stack:
        stack.enter_context(only_daemon(name))
        lines = stack.enter_context(_lines(file, config)) if config.keeps_lines else None
        # Sources may lack a port: that has to show before there is a gate to leave behind.
        sources = stack.enter_context(running(config, lines, file.parent)) if lines else None
        trial = kept_trial(config, lines.store, utc) if lines else None
        keeper = stack.enter_context(_kept(file, config, lines, trial))
        office = stack.enter_context(_telling(keeper, lines, sources)) if lines and sources else None
        equipment = EquipmentReader(keeper, boot_id())
        minutes = (
            stack.enter_context(read_by_the_minute(keeper, lines.store, equipment.read)) if lines else None
        )
        peaks = stack.enter_context(peaks_kept(keeper, lines.store if lines else None))
        at_work = None
        if trial and minutes and sources:
            at_work = stack.enter_context(
                following(trial, keeper, sources, file.parent, utc=utc, on_change=minutes.look)
            )
        desk = stack.enter_context(desk_running(config, lines, keeper, file.parent, utc)) if lines else None
        guest = _guest(config)
        guests = () if guest is None else (guest.pw_uid,)
        listener = stack.enter_context(listening(path, None if guest is None else guest.pw_gid))
        asyncio.run(_Service(keeper, equipment, office, at_work, desk, minutes, peaks, guests).run(listener))


def _allow_many_files() -> None:
    """Open as many files as the machine lets one process: a guest's connections shall not use them up."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _end_early(*_: object) -> None:
    log.info("told to end while starting")
    raise SystemExit(0)


@contextlib.contextmanager
def _lines(file: Path, config: Config) -> Iterator[LineKeeper]:
    """Open the store of lines, if it can be; the gate does not wait for it."""
    if config.kept.url is None:
        with contextlib.suppress(OSError):  # the store says what is wrong with it
            STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = LineKeeper(
        config,
        LateStore(store_url(config)),
        file_list=FileList(file.parent).read,
        utc=utc,
    )
    try:
        try:
            lines.open()
        except StoreError as error:
            log.error("the store is away; lines stay in the gate as they are", why=str(error))  # noqa: TRY400 - the message says it all
        yield lines
    finally:
        lines.close()


def _guest(config: Config) -> pwd.struct_passwd | None:
    """Return the user who may tell of leases and do nothing else."""
    if config.kea is None:
        return None
    try:
        return pwd.getpwnam(config.kea.user)
    except KeyError:
        way_out = "name in [kea] the user as whom Kea runs, and start the daemon anew"
        log.error("Kea is not heard: there is no such user", user=config.kea.user, way_out=way_out)  # noqa: TRY400 - the message says it all
        return None


@contextlib.contextmanager
def _telling(keeper: Keeper, lines: LineKeeper, sources: Sources) -> Iterator[LinesAtWork]:
    """Let the gate be told of lines."""
    lines.start(keeper)
    try:
        yield LinesAtWork(lines, sources)
    finally:
        lines.stop()


@contextlib.contextmanager
def _kept(
    file: Path, config: Config, lines: LineKeeper | None, trial: TrialKeeper | None
) -> Iterator[Keeper]:
    """Open gate and hold, and let go of both at the end; a gate that cannot be set up is not left behind."""
    name = config.gate.name
    recall(name)  # refuses where rules of this gate are elsewhere, before there is anything to undo
    with contextlib.ExitStack() as undoing:
        if not is_there(name):
            undoing.callback(take_down, name)
        gate = open_gate(_spec(config.gate))
        undoing.callback(gate.close)
        hold = _hold(config.gate, gate.settings())
        hold.start()
        undoing.callback(hold.stop)
        keeper = Keeper(
            gate,
            hold,
            config,
            file=str(file),
            read=lambda: expecting(read_checked(file), trial),
            roster=lines.roster if lines else lambda _: Roster(),
            numbers=lines.numbers if lines else line_numbers,
            trial=trial.standing if trial else lambda _: None,
            utc=utc,
            monotonic_ns=time.monotonic_ns,
        )
        undoing.pop_all()
    try:
        yield keeper
    finally:
        with contextlib.suppress(RefusalError):  # `gate down` has stopped it
            keeper.stop()


def _hold(gate: GateTable, installed: Tables) -> Hold:
    return Hold(banks(installed), name=gate.name, base=gate.queue, interfaces=gate.interfaces)


def _spec(gate: GateTable) -> GateSpec:
    return GateSpec(
        name=gate.name,
        subscriber=gate.subscriber,
        uplink=gate.uplink,
        lines=gate.lines,
        slots=gate.slots,
        known=gate.known,
        addresses=gate.addresses,
    )


@dataclass
class _Service:
    """The tasks of a running daemon."""

    keeper: Keeper
    equipment: EquipmentReader
    lines: LinesAtWork | None
    trial: TrialAtWork | None
    desk: DeskAtWork | None
    minutes: MinuteReader | None
    peaks: PeakKeeper
    guests: tuple[int, ...]

    async def run(self, listener: socket.socket) -> None:
        """Answer and sweep until a signal or `gate down`. Raises GateError when sweep or hold fail."""
        loop = asyncio.get_running_loop()
        ending = asyncio.Event()
        self.reload_asked = asyncio.Event()
        self.office = RunningOffice(
            self.keeper,
            started_at=utc(),
            on_reload=self.follow,
            on_down=lambda: loop.call_soon_threadsafe(ending.set),
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ending.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload_asked.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        with links_watched(self.keeper.kept.config.gate.interfaces) as self.links_changed:
            await self.until(ending, listener)

    async def until(self, ending: asyncio.Event, listener: socket.socket) -> None:
        """Answer and sweep until told to end."""
        lines = kept_lines(self.lines, self.keeper, utc) if self.lines else None
        trial = running_trial(self.trial, self.keeper, utc) if self.trial else None
        postmen = self.trial.postmen if self.trial else None
        scrape = scraping(
            self.keeper, self.office, self.equipment, lines, self.minutes, postmen, self.desk, utc
        )
        desk = running_desk(self.desk, utc) if self.desk else None
        app = create_app(self.office, lines, trial, scrape, desk)
        server = Server(app, on_started=self.tell_ready, guests=self.guests)
        tasks = [
            asyncio.create_task(coroutine)
            for coroutine in (
                ending.wait(),
                self.sweep(),
                self.reload(),
                keep_attached(self.keeper, _spec(self.keeper.kept.config.gate), self.links_changed),
                self.watchdog(),
                server.serve([listener]),
            )
        ]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        notify("STOPPING=1")
        log.info("ending", stays_attached=self.keeper.is_open)
        server.should_exit = True
        await tasks[-1]
        for task in tasks[:-1]:
            task.cancel()
        for task in done:
            task.result()

    def follow(self, config: Config) -> None:
        """Take another configuration as the one in force."""
        if self.lines is not None:
            self.lines.follow(config)
        if self.trial is not None:
            self.trial.keeper.look()
        if self.minutes is not None:
            self.minutes.look()

    async def tell_ready(self) -> None:
        """Say that the gate is up and the socket answers."""
        status = await asyncio.to_thread(self.office.status)  # pyroute2 runs no loop of its own inside ours
        log.info("gate is up", name=status.name, state=status.state, file=self.keeper.file)
        notify("READY=1", f"STATUS={status.state}")

    async def sweep(self) -> None:
        """Remove what time has ended, every second; end when the gate has been taken down."""
        told = None
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                swept = await asyncio.to_thread(self.keeper.sweep)
            except RefusalError:
                await asyncio.Event().wait()  # `gate down` has ended the keeper and ends us next
            for one in (self.lines, self.trial, self.desk, self.minutes, self.peaks):
                if one is not None:
                    one.check()
            if swept.sessions != told:
                told = swept.sessions
                notify(f"STATUS={told} sessions")

    async def watchdog(self) -> None:
        """Tell the service manager every second that loop and hold answer, however long a change takes."""
        while wants_watchdog():
            await asyncio.to_thread(self.keeper.hold.state)
            notify("WATCHDOG=1")
            await asyncio.sleep(WATCHDOG_SECONDS)
        await asyncio.Event().wait()

    async def reload(self) -> None:
        """Read the file again each time SIGHUP asks for it."""
        while True:
            await self.reload_asked.wait()
            self.reload_asked.clear()
            try:
                await asyncio.to_thread(self.office.reload, None)
            except RefusalError:
                continue  # the keeper has logged why and shows it in the status
            except GateError as error:
                log.warning("reload failed, the old configuration stays in force", why=str(error))
