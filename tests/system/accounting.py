"""An accounting server of ours and FreeRADIUS's programs beside it, in a namespace of their own."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import psycopg

from sekisho.lines.events import Boot, Heard
from sekisho.lines.radius import Naming
from sekisho.lines.radius_reception import Client, Count
from sekisho.lines.radius_server import NotDurableError, RadiusServer
from tests.store.postgres import USER, Postgres
from tests.system.netns import Namespace
from tests.system.waiting import until

SECRET = "the secret of these tests"
OURS, THEIRS = 1813, 18_130
NASES = frozenset({"bng1"})
CLIENTS = tuple(Client(name, ip_network(name), SECRET.encode(), NASES) for name in ("127.0.0.1", "::1"))
SHIPPED = Path(__file__).parents[2] / "etc" / "freeradius"
INSTALLED = Path("/etc/freeradius/3.0")
MODULES = ("always", "preprocess")


@dataclass
class Ledger:
    """Stands in for the store: keeps what it is given, or refuses."""

    events: list[Heard | Boot] = field(default_factory=list)
    refusing: bool = False

    def take(self, events: Sequence[Heard | Boot]) -> None:
        """Keep events."""
        if self.refusing:
            raise NotDurableError("the disk is full: make room on it")
        self.events += events

    @property
    def heard(self) -> list[Heard]:
        """What was said of logins."""
        return [event for event in self.events if isinstance(event, Heard)]

    @property
    def boots(self) -> list[Boot]:
        """What NASes said of themselves."""
        return [event for event in self.events if isinstance(event, Boot)]


@dataclass
class Site:
    """A namespace in which our server comes and goes."""

    here: Namespace
    directory: Path
    ledger: Ledger = field(default_factory=Ledger)

    @contextmanager
    def serving(self, clients: Sequence[Client] = CLIENTS) -> Iterator[RadiusServer]:
        """Our server is there meanwhile, and counts anew."""
        server = RadiusServer(
            [("127.0.0.1", OURS), ("::1", OURS)],
            clients,
            (Naming.CLASS, Naming.USER_NAME),
            take=self.ledger.take,
            utc=lambda: datetime.now(UTC),
        )
        self.here.call(server.open)
        server.start()
        try:
            yield server
        finally:
            server.stop()

    def radclient(
        self,
        attributes: str,
        command: str = "acct",
        *,
        to: str = f"127.0.0.1:{OURS}",
        secret: str = SECRET,
        seconds: int = 30,
    ) -> subprocess.CompletedProcess[str]:
        """Send packets, parted by empty lines, once each; a hundred at a time wait so long for an answer."""
        options = ("-x", "-r", "1", "-t", f"{seconds}", "-p", "100")
        return self.here.run("radclient", *options, to, command, secret, check=False, text_in=attributes)

    def freeradius(self, *, at_once: bool = False) -> Path:
        """Start a FreeRADIUS that relays accounting as etc/freeradius says; return its log."""
        raddb, log = self.directory / "raddb", self.directory / "log"
        self._write(raddb, at_once=at_once)
        start_freeradius(self.here, raddb, log)
        return log

    @property
    def spool(self) -> Path:
        """Where FreeRADIUS writes down what it has to relay."""
        return self.directory / "radacct" / "sekisho"

    def _write(self, raddb: Path, *, at_once: bool) -> None:
        copy_installed(raddb, self.directory)
        shutil.copy(SHIPPED / "module", raddb / "mods-enabled" / "sekisho")
        site = raddb / "sites-enabled" / "sekisho"
        shutil.copy(SHIPPED / "site", site)
        edit(site, "put-the-secret-of-secret_file-here", f'"{SECRET}"')
        if at_once:
            edit(site, r"^#\t", "\t")
        (raddb / "sites-enabled" / "receiving").write_text(receiving(at_once=at_once))


def receiving(*, at_once: bool) -> str:
    """The site that an operator has already, with what docs/radius.md lets him write into it."""
    preacct = 'update control { &Proxy-To-Realm := "sekisho" }' if at_once else ""
    return f"""
server receiving {{
    listen {{
        type = acct
        ipaddr = 127.0.0.1
        port = {THEIRS}
    }}
    preacct {{
        preprocess
        {preacct}
    }}
    accounting {{
        {"ok" if at_once else "sekisho"}
    }}
}}
"""


def copy_installed(raddb: Path, directory: Path) -> None:
    """Copy the configuration that FreeRADIUS has as shipped, with no site in it; `directory` is its own."""
    shutil.copytree(INSTALLED, raddb, symlinks=True)
    for enabled in (*(raddb / "mods-enabled").iterdir(), *(raddb / "sites-enabled").iterdir()):
        if enabled.name not in MODULES:
            enabled.unlink()
    main = raddb / "radiusd.conf"
    for key, value in (("logdir", directory), ("run_dir", directory), ("raddbdir", raddb)):
        edit(main, rf"^{key} = .*$", f"{key} = {value}")
    edit(main, r"^\t(user|group) = freerad$", "")  # the test's directory is open to root alone
    (raddb / "clients.conf").write_text(f'client nas {{\nipaddr = 127.0.0.1\nsecret = "{SECRET}"\n}}\n')


def write_into_table(raddb: Path, postgres: Postgres, url: str) -> None:
    """Have FreeRADIUS keep its table in an empty database, with its own schema and queries."""
    with psycopg.connect(url) as connection:
        connection.execute((INSTALLED / "mods-config/sql/main/postgresql/schema.sql").read_bytes())
    for module in ("sql", "expr"):
        shutil.copy(raddb / "mods-available" / module, raddb / "mods-enabled" / module)
    database = url.partition("@/")[2].partition("?")[0]
    sql = raddb / "mods-enabled" / "sql"
    edit(sql, '"rlm_sql_null"', '"rlm_sql_postgresql"')
    edit(sql, 'dialect = "sqlite"', f'dialect = "postgresql"\nserver = "{postgres.root}"\nlogin = "{USER}"')
    edit(sql, 'radius_db = "radius"', f'radius_db = "{database}"')


def start_freeradius(here: Namespace, raddb: Path, log: Path) -> None:
    """Start a FreeRADIUS and wait until it is ready."""
    started = here.start("freeradius", "-f", "-d", str(raddb), "-l", str(log))
    until(lambda: started.poll() is not None or (log.exists() and "Ready to process" in log.read_text()))
    assert started.poll() is None, log.read_text()


def edit(file: Path, pattern: str, replacement: str) -> None:
    """Replace what a pattern matches in a file, which must be there."""
    text, number = re.subn(pattern, replacement, file.read_text(), flags=re.MULTILINE)
    assert number, f"{file} has changed: {pattern} is not there"
    file.write_text(text)


def counted(server: RadiusServer) -> Counter[Count]:
    """What became of the datagrams, of all clients."""
    counts: Counter[Count] = Counter()
    for (_, count), number in server.state().counts.items():
        counts[count] += number
    return counts
