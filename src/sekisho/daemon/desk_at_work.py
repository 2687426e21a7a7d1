"""The desk in a running daemon: what comes in, what reads it, and what is done about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sekisho.api.problems import RefusalError
from sekisho.config import Config
from sekisho.daemon.desk_cases import Desk, desk_of
from sekisho.daemon.desk_doors import Inbox, doors_open
from sekisho.daemon.desk_export import Keys
from sekisho.daemon.desk_http import HttpDoor, http_open
from sekisho.daemon.desk_ignored import IgnoredParties
from sekisho.daemon.desk_measures import GateActions
from sekisho.daemon.desk_nases import NasActions, asking_nases
from sekisho.daemon.desk_notices import Notices
from sekisho.daemon.desk_office import RunningDesk
from sekisho.daemon.desk_settler import DeskSettler
from sekisho.daemon.keeper import Keeper
from sekisho.daemon.line_keeper import LineKeeper
from sekisho.daemon.threads import require_thread
from sekisho.lines.radius_secrets import SecretError, read_secret
from sekisho.receiving import Doorkeeper
from sekisho.sealing import Sealer, SealError
from sekisho.signing import SIGNING_WAY_OUT, Signer, SignError
from sekisho.store import Store, StoreError


class Basis:
    """What the desk goes by, made anew when another configuration is in force."""

    def __init__(self, lines: LineKeeper, directory: Path) -> None:
        self._lines, self._directory = lines, directory
        self._notices = Notices(lines.config, directory)
        self._ignored = IgnoredParties()
        self._made: tuple[Config, Desk] | None = None

    def desk(self) -> Desk:
        """Return what the desk goes by now. Raises StoreError where there is none any more."""
        config = self._lines.config()
        made = self._made
        if made is None or made[0] is not config:
            if config.desk is None:
                raise StoreError("the configuration in force has no [desk]: add it again")
            treatment, notices = self._lines.treatment(), self._notices
            desk = desk_of(config, treatment, notices.decided, notices.received, self._ignored.tell)
            made = self._made = config, desk
        return made[1]

    def sealer(self) -> Sealer:
        """Return what seals and opens originals, by the key file of now. Raises StoreError."""
        desk = self._lines.config().desk
        if desk is None:
            raise StoreError("the configuration in force has no [desk]: add it again")
        try:
            return Sealer(read_secret(self._directory / desk.key_file, is_one=False))
        except SecretError as error:
            raise StoreError(str(error)) from error
        except SealError as error:
            raise StoreError(f"{desk.key_file}: {error}") from error

    def signer(self) -> Signer:
        """Return what signs evidence, by the key file of now. Raises RefusalError."""
        desk = self._lines.config().desk
        if desk is None or desk.evidence_key_file is None:
            raise _nothing_signs(f"name a key in `evidence_key_file` of [desk]; {SIGNING_WAY_OUT}")
        try:
            return Signer(read_secret(self._directory / desk.evidence_key_file, is_one=False))
        except SecretError as error:
            raise _nothing_signs(str(error)) from error
        except SignError as error:
            raise _nothing_signs(f"{desk.evidence_key_file}: {error}: {SIGNING_WAY_OUT}") from error


def _nothing_signs(detail: str) -> RefusalError:
    return RefusalError(409, "no-evidence-key", "There is nothing to sign it with", detail)


@dataclass(frozen=True)
class DeskAtWork:
    """What takes reports in and what reads them, at the gate of a name.

    `settle_lines` returns when what was heard of leases before is in the store.
    """

    gate: str
    store: Store
    basis: Basis
    inbox: Inbox
    settler: DeskSettler
    nases: NasActions
    doors: Doorkeeper | None
    http: HttpDoor | None
    settle_lines: Callable[[], object]

    def check(self) -> None:
        """Raise GateError where a thread of theirs has ended by itself."""
        self.settler.check()
        self.nases.check()
        if self.doors is not None:
            require_thread("takes mail in", self.doors.is_alive)
        if self.http is not None:
            self.http.check()


@contextmanager
def desk_running(
    config: Config, lines: LineKeeper, keeper: Keeper, directory: Path, utc: Callable[[], datetime]
) -> Iterator[DeskAtWork | None]:
    """Let the desk work, where there is one. Raises GateError where a place to listen at cannot be had."""
    if config.desk is None:
        yield None
        return
    basis = Basis(lines, directory)
    settler = DeskSettler(
        lines.store,
        desk=basis.desk,
        sealer=basis.sealer,
        settle_lines=lines.settle,
        on_actions=lambda _: None,  # the loop carries them out, in a flood of reports within a second
        act=GateActions(
            lines.store,
            refresh=lines.refresh,
            wanted=lines.intake.known_line,
            in_kernel=keeper.known_line,
            utc=utc,
        ).step,
        utc=utc,
    )
    inbox = Inbox(lines.store, basis.sealer, utc, settler.look)
    with ExitStack() as stack:
        settler.start()
        stack.callback(settler.stop)
        nases = stack.enter_context(asking_nases(lines.store, lines.config, directory, utc))
        doors = stack.enter_context(doors_open(config, inbox, lines.config))
        http = stack.enter_context(http_open(config, inbox, lines.config, directory))
        yield DeskAtWork(
            config.gate.name, lines.store, basis, inbox, settler, nases, doors, http, lines.settle
        )


def running_desk(desk: DeskAtWork, utc: Callable[[], datetime]) -> RunningDesk:
    """Return what answers questions at the desk."""
    return RunningDesk(
        desk.store,
        desk=desk.basis.desk,
        inbox=desk.inbox,
        keys=Keys(desk.basis.sealer, desk.basis.signer),
        gate=desk.gate,
        utc=utc,
        on_change=desk.settler.look,
        unopened=lambda: desk.settler.unopened,
        settle_lines=desk.settle_lines,
    )
