"""Commands about lines against the whole daemon: just after an acknowledgement, by ports, by Kea's user."""

from __future__ import annotations

import pwd
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.system.lines_scene import Scene

KEA_SCRIPT = Path(__file__).parents[2] / "etc" / "kea-lease.sh"
KEA_USER = pwd.getpwnam("nobody")
KEA = """\
[kea]
user = "nobody"
[[pool]]
prefix = "100.64.0.0/16"
"""
SHARED = """\
[[line]]
name = "shop-1"
class = "fixed"
addresses = ["100.64.2.1:1024-2047"]
[[line]]
name = "shop-2"
class = "fixed"
addresses = ["100.64.2.1:2048-3071"]
[class.dynamic]
"""
POOL = '[[pool]]\nprefix = "100.64.0.0/16"\n'
CASE = ("--purpose", "case", "--reference", "case 17")


def now() -> str:
    return datetime.now(UTC).isoformat()


def test_what_was_acknowledged_is_found_at_once(lines_scene: Scene) -> None:
    lines_scene.up()
    begin = int(time.time()) - 3_600
    for number in range(10):
        lines_scene.account(
            "Start", f"line-{number}", "100.64.0.5", login=f"{number}", at=begin + 60 * number
        )
        moment = datetime.fromtimestamp(begin + 60 * number + 30, UTC).isoformat()
        found = lines_scene.ask("holder", "100.64.0.5", "--at", moment, *CASE)
        assert (found["answer"], found["line"]) == ("held", f"line-{number}")


def test_a_shared_address_needs_its_port(lines_scene: Scene) -> None:
    lines_scene.write(("[class.dynamic]\n", SHARED))
    lines_scene.up()

    def holder(*port: str) -> tuple[str, str | None]:
        found = lines_scene.ask("holder", "100.64.2.1", "--at", now(), *port, *CASE)
        return found["answer"], found["line"]

    assert holder() == ("port-needed", None)
    assert holder("--port", "1023")[0] == "nobody"
    assert holder("--port", "1024") == ("held", "shop-1")
    assert holder("--port", "2047") == ("held", "shop-1")
    assert holder("--port", "2048") == ("held", "shop-2")
    assert holder("--port", "3071") == ("held", "shop-2")
    assert holder("--port", "3072")[0] == "nobody"
    assert lines_scene.ask("show", "shop-2", *CASE)["holds"] == [
        {"address": "100.64.2.1", "ports": ["2048-3071"]}
    ]


def test_every_refused_try_is_in_the_log_and_nobody_in_the_daemon_s(lines_scene: Scene) -> None:
    daemon = lines_scene.up()
    lines_scene.account("Start", "alice", "100.64.0.5")
    relief = ("line", "relief", "alice", "--reason", "own server")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    for arguments in (
        ("line", "holder", "100.64.0.5", "--at", now()),
        ("line", "holder", "100.64.0.5", "--at", "2026-01-01T00:00:00", *CASE),
        ("line", "holder", "100.64.0.5", "--at", now(), "--purpose", "curiosity"),
        ("line", "show", "alice"),
        ("line", "show", "mallory", *CASE),
        (*relief, "--until", "2020-01-01"),
        (*relief, "--end"),
        ("line", "relief", "alice", "--until", tomorrow),
    ):
        refused = lines_scene.sekisho(*arguments, check=False)
        assert (refused.returncode, refused.stdout) == (1, "")
    lines_scene.sekisho(*relief, "--until", tomorrow)
    log = lines_scene.sekisho("audit", "log").stdout.splitlines()
    assert [" | refused: " in line for line in log] == [True] * 8 + [False]
    status = lines_scene.sekisho("gate", "status").stdout
    assert "lines: 1 known, 1 addresses held, 1 with relief\n" in status
    told = daemon.end()
    assert not any(secret in told for secret in ("alice", "mallory", "100.64.0.5", "own server", "case 17"))


def test_a_noted_head_is_found_after_a_restart(lines_scene: Scene) -> None:
    daemon = lines_scene.up()
    lines_scene.sekisho("line", "show", "nobody", *CASE, check=False)
    head = lines_scene.sekisho("audit", "verify").stdout.splitlines()[1].removeprefix("head: ")
    daemon.end()
    lines_scene.up()
    lines_scene.sekisho("line", "show", "nobody", *CASE, check=False)
    assert lines_scene.sekisho("audit", "verify", "--head", head).returncode == 0
    assert lines_scene.sekisho("audit", "verify", "--head", "0" * 64, check=False).returncode == 1


@pytest.fixture
def kea(lines_scene: Scene) -> Iterator[Path]:
    """The hook's script where Kea's user can run it."""
    with TemporaryDirectory(prefix="sekisho-kea-") as directory:
        shutil.chown(directory, KEA_USER.pw_uid)
        script = Path(directory, "hook.sh")
        socket, spool = f"/run/sekisho/{lines_scene.name}.sock", Path(directory, "spool")
        settings = f"SEKISHO_SOCKET={socket}\nSEKISHO_SPOOL={spool}\n"
        script.write_text(settings + KEA_SCRIPT.read_text())
        script.chmod(0o755)
        yield script


def test_kea_s_user_tells_of_leases(lines_scene: Scene, kea: Path) -> None:
    lines_scene.write((POOL, KEA))
    lines_scene.up()
    lease = {"ADDRESS": "100.64.0.5", "HWADDR": "02:00:00:00:00:05", "STATE": "default"}

    def told(event: str, prefix: str) -> None:
        variables = {"LEASES4_SIZE": "1", **{f"{prefix}{key}": value for key, value in lease.items()}}
        settings = (f"{key}={value}" for key, value in variables.items())
        lines_scene.gate.run(
            *("setpriv", f"--reuid={KEA_USER.pw_uid}", f"--regid={KEA_USER.pw_gid}", "--clear-groups"),
            *("env", "QUERY4_OPTION_82_SUB_OPTION_1=0x67652d302f31", *settings, "sh", str(kea), event),
        )

    told("leases4_committed", "LEASES4_AT0_")
    lines_scene.wait_for("100.64.0.5")
    shown = lines_scene.ask("show", "ge-0/1", *CASE)
    assert [held["address"] for held in shown["holds"]] == ["100.64.0.5"]
    assert "  kea: 1 taken\n" in lines_scene.sekisho("gate", "status").stdout
    told("lease4_release", "LEASE4_")
    lines_scene.wait_for()
    assert lines_scene.ask("show", "ge-0/1", *CASE)["holds"] == []
