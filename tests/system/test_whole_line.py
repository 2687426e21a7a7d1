"""A whole line is suspended at two NASes, both a real FreeRADIUS: one wants to be named, one comes back.

line (alice: 100.64.0.5 by bng1, 100.64.0.9 by bng2) ── sub0 [gate, bng1 on IPv4, bng2 on IPv6] up0 ── server
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from sekisho.desk.coa import PORT
from sekisho.lines.roster import SUSPENDED_LIMIT
from tests.system.accounting import SECRET, copy_installed, start_freeradius
from tests.system.desk_scene import DeskScene, arf, next_second
from tests.system.lines_scene import Scene
from tests.system.netns import Namespace
from tests.system.waiting import until

AT_BNG1, AT_BNG2 = "100.64.0.5", "100.64.0.9"
NASES = f"""\
[[desk.nas]]
name = "bng1"
address = "127.0.0.1:{PORT}"
secret_file = "secret"
pools = ["100.64.0.0/29"]
[[desk.nas]]
name = "bng2"
address = "[::1]:{PORT}"
secret_file = "secret"
pools = ["100.64.0.8/29"]
"""
SITE = """\
listen {{
    type = coa
    {listen}
    port = {port}
    virtual_server = nas
}}
server nas {{
    recv-coa {{
        if ({refused}) {{
            update reply {{ &Error-Cause := NAS-Identification-Mismatch }}
            reject
        }}
        elsif (&Message-Authenticator && &Event-Timestamp && &User-Name == "alice" \\
               && &Acct-Session-Id == "{session}" && &Framed-IP-Address == {address}) {{
            ok
        }}
        else {{
            update reply {{ &Error-Cause := Session-Context-Not-Found }}
            reject
        }}
    }}
    send-coa {{
        ok
    }}
}}
"""
ON_IPV6 = f'client six {{\nipv6addr = ::1\nsecret = "{SECRET}"\n}}\n'


@pytest.fixture
def desk(lines_scene: Scene) -> DeskScene:
    made = DeskScene(lines_scene)
    made.write({})
    with made.scene.file.open("a") as file:
        file.write(NASES)
    return made


def start_nas(here: Namespace, directory: Path, **site: str) -> None:
    """Start a FreeRADIUS that takes what is asked of a NAS."""
    directory.mkdir()
    copy_installed(directory / "raddb", directory)
    (directory / "raddb" / "sites-enabled" / "nas").write_text(SITE.format(port=PORT, **site))
    with (directory / "raddb" / "clients.conf").open("a") as file:
        file.write(ON_IPV6)
    start_freeradius(here, directory / "raddb", directory / "log")


def whole(desk: DeskScene) -> dict[str, Any]:
    """Return how far the last action for the whole line has come, with its parts by NAS."""
    actions = desk.ask("GET", "cases/1")["actions"]
    last: dict[str, Any] = [one for one in actions if one["kind"] == "line-suspension"][-1]
    return last | {"parts": {one["nas"]: (one["became"], one["cause"]) for one in last["parts"]}}


def test_each_login_is_ended_though_one_nas_refuses_and_one_is_away(desk: DeskScene) -> None:
    scene = desk.scene
    daemon = scene.up()
    logins = (("0001", AT_BNG1), ("0002", AT_BNG2))
    for login, address in logins:
        scene.account("Start", "alice", address, login=login)
    start_nas(
        scene.gate,
        scene.directory / "bng1",
        listen="ipaddr = 127.0.0.1",
        refused="!&NAS-Identifier",
        session="0001",
        address=AT_BNG1,
    )
    desk.report(arf(AT_BNG1, next_second(), 0))
    until(lambda: desk.state() != "")
    desk.ask("POST", "cases/1/suspend", kind="line-suspension", reason="floods us")

    until(lambda: len(whole(desk)["parts"]) == 2)
    found = whole(desk)
    assert found["parts"] == {"bng1": ("refused", 403), "bng2": ("no-answer", None)}
    assert (found["progress"], found["cause"]) == ("waiting", 403)
    with desk.reading() as transaction:
        line = transaction.line_number("alice")
        assert line is not None
    until(lambda: desk.in_kernel(line).limit == SUSPENDED_LIMIT)
    assert desk.sessions(AT_BNG1, 1) == 0, "whatever the NASes do"

    start_nas(
        scene.gate,
        scene.directory / "bng2",
        listen="ipv6addr = ::1",
        refused="&NAS-Identifier",
        session="0002",
        address=AT_BNG2,
    )
    until(lambda: whole(desk)["progress"] == "refused")
    assert whole(desk)["parts"] == {"bng1": ("refused", 403), "bng2": ("acknowledged", None)}

    text = scene.file.read_text()
    scene.file.write_text(text.replace(NASES, NASES.replace('"bng1"', '"bng1"\nnas = "bng1.example.net"')))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("RELOADING=1")
    daemon.wait_for("READY=1")
    told = scene.sekisho("desk", "retry", "1", "--reason", "it is named now").stdout
    assert "bng1: refused: the NAS is another than the request names (403)" in told
    until(lambda: whole(desk)["progress"] == "acknowledged")
    assert whole(desk)["parts"]["bng1"] == ("acknowledged", None)
    for login, address in logins:
        scene.account("Stop", "alice", address, login=login)
    until(lambda: whole(desk)["progress"] == "verified")
    assert desk.ask("GET", "actions")["actions"] == []

    desk.ask("POST", "cases/1/restore", reason="has mended it")
    until(lambda: whole(desk)["do"] == "lift" and desk.ask("GET", "actions")["actions"] == [])
    scene.account("Start", "alice", AT_BNG1, login="0003")
    scene.wait_for(AT_BNG1)
    assert desk.in_kernel(line).limit is None
    assert desk.sessions(AT_BNG1, 1) == 1
    log = daemon.end()
    assert SECRET not in log
    assert "alice" not in log
