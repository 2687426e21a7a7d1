"""The whole daemon beside a table of accounting and beside Kea: what they say is in the kernel's tables."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from tests.store.test_radacct_rounds import TABLE
from tests.system.dhcp import SERVER, Receiver, Site
from tests.system.lines_scene import Scene
from tests.system.netns import Net
from tests.system.waiting import until


def in_the_table(file: Path, statement: str, **values: object) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement, values)


def now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(" ", "seconds")


def test_what_a_table_of_accounting_says_is_in_the_kernel(lines_scene: Scene) -> None:
    scene, table = lines_scene, lines_scene.directory / "radius.db"
    secret = scene.directory / "url"
    secret.write_text(f"sqlite:///{table}")
    secret.chmod(0o600)
    source = '[radacct]\nurl_file = "url"\nevery = "1s"\nzone = "UTC"\n[[pool]]\nprefix = "2001'
    scene.write(('[[pool]]\nprefix = "2001', source))
    in_the_table(table, TABLE)
    row = "(1, 's1', 'alice', '198.51.100.1', :at, :at, NULL, '100.64.0.5')"
    in_the_table(table, f"INSERT INTO radacct VALUES {row}", at=now())  # noqa: S608 - the test's own
    daemon = scene.up()
    scene.wait_for("100.64.0.5")
    assert scene.ask("show", "alice", "--purpose", "case")["class_name"] == "dynamic"
    daemon.end()
    in_the_table(table, "UPDATE radacct SET acctstoptime = :at, acctupdatetime = :at", at=now())
    scene.up()  # it goes on where it was
    scene.wait_for()


def test_what_kea_says_is_in_the_kernel(lines_scene: Scene, net: Net) -> None:
    scene = lines_scene
    scene.write(('[[pool]]\nprefix = "2001', '[kea]\nuser = "root"\n[[pool]]\nprefix = "2001'))
    scene.up()
    server, client = net.namespace("kea"), net.namespace("client")
    net.veth(server, "s0", client, "c0")
    server.address("s0", f"{SERVER}/24", "2001:db8::1/64")
    client.run("ip", "link", "set", "c0", "up")
    site = Site(server, client, scene.directory, Receiver(Path(f"/run/sekisho/{scene.name}.sock")))
    site.kea(4)
    started = site.udhcpc()
    scene.wait_for("100.64.0.10")
    until(site.has_address)
    started.send_signal(signal.SIGUSR2)  # give the address back
    scene.wait_for()
