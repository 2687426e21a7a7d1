"""A real PostgreSQL for the tests: a server of its own on a Unix socket, durable as in operation.

with server() as postgres:
    url = postgres.make_database()
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import psycopg
from psycopg import sql

from tests.system.waiting import until

USER = "postgres"  # Debian's package makes it; the server refuses to run as root


@dataclass
class Postgres:
    """A server that can be stopped and started.

    `root` holds its data, its socket and its log; `settings`: each as the option `-c` takes it.
    """

    root: Path
    settings: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = None
    _names: Iterator[int] = field(default_factory=count)

    @property
    def _log(self) -> Path:
        return self.root / "log"

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@/{database}?host={self.root}"

    def make_database(self, like: str | None = None) -> str:
        """Make a database, empty or as another one to which nobody is connected, and return its url."""
        name = f"test{next(self._names)}"
        both = (name, "template1" if like is None else _name_in(like))
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, both))
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(make)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(_name_in(url)))
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(drop)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        places = ("-D", self.root / "data", "-k", self.root)
        settings = [word for setting in ("listen_addresses=", *self.settings) for word in ("-c", setting)]
        with self._log.open("ab") as log:
            self._process = process = subprocess.Popen(
                # Whatever ends the tests ends the server: SIGINT, at once and in order.
                (*_unprivileged("--pdeathsig=INT"), _program("postgres"), *places, *settings),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop it
            )

        def answers() -> bool:
            assert process.poll() is None, self._log.read_text()
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                return False
            return True

        until(answers)

    def stop(self) -> None:
        """Stop the server; every connection ends."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
            self._process = None


@contextmanager
def server(*settings: str) -> Iterator[Postgres]:
    """Run a server in a directory of its own, and leave nothing behind."""
    root = Path(mkdtemp(prefix="sekisho-postgres."))  # not in tmp_path, which only root may enter
    try:
        if os.getuid() == 0:
            shutil.chown(root, USER, USER)
        _initialise(root / "data")
        postgres = Postgres(root, settings)
        try:
            postgres.start()
            yield postgres
        finally:
            postgres.stop()
    finally:
        shutil.rmtree(root)


def _name_in(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def _initialise(data: Path) -> None:
    options = (
        f"--pgdata={data}",
        f"--username={USER}",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
    )
    subprocess.run(
        (*_unprivileged(), _program("initdb"), *options, "--no-sync"), check=True, stdout=subprocess.DEVNULL
    )


def _unprivileged(*options: str) -> tuple[str, ...]:
    """Return the command that runs another with the rights of PostgreSQL's user."""
    if os.getuid() == 0:
        options += (f"--reuid={USER}", f"--regid={USER}", "--init-groups")
    return ("setpriv", *options)


def _program(name: str) -> Path:
    """Return a program of the newest PostgreSQL; Debian keeps those of the server out of PATH."""
    return max(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
