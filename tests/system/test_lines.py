"""Lines in the whole daemon: what accounting and lists say, in the kernel's tables and for real sessions."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.system.lines_scene import CONFIG, Scene
from tests.system.scene import PATIENCE_SECONDS, SEKISHO
from tests.system.waiting import until


def test_two_addresses_of_a_line_have_one_count(lines_scene: Scene) -> None:
    scene = lines_scene
    scene.up()
    scene.account("Start", "alice", "100.64.0.5", "2001:db8:1:100::/56")
    scene.wait_for("100.64.0.5", "2001:db8:1:100::/56")
    scene.account("Start", "alice", "100.64.0.6", login="0002")
    scene.wait_for("100.64.0.5", "2001:db8:1:100::/56", "100.64.0.6")
    assert len(set(scene.addresses().values())) == 1
    with scene.connect("100.64.0.5"), scene.connect("100.64.0.6"):
        with pytest.raises(ConnectionRefusedError):
            scene.connect("100.64.0.5")
        with pytest.raises(ConnectionRefusedError):
            scene.connect("100.64.0.6")


def test_a_line_that_reconnects_keeps_its_count(lines_scene: Scene) -> None:
    scene = lines_scene
    scene.up()
    scene.account("Start", "alice", "100.64.0.5")
    scene.wait_for("100.64.0.5")
    with scene.connect("100.64.0.5"), scene.connect("100.64.0.5"):
        scene.account("Stop", "alice", "100.64.0.5")
        scene.account("Start", "alice", "100.64.0.6", login="0002")
        scene.wait_for("100.64.0.6")
        assert scene.ask("show", "alice", "--purpose", "case")["met_cap_at"] is None
        with pytest.raises(ConnectionRefusedError):
            scene.connect("100.64.0.6")
    met_at = datetime.fromisoformat(scene.ask("show", "alice", "--purpose", "case")["met_cap_at"])
    assert abs((datetime.now(UTC) - met_at).total_seconds()) < PATIENCE_SECONDS


def test_holder_now_and_before(lines_scene: Scene) -> None:
    scene = lines_scene
    scene.up()
    begin = int(time.time()) - 3600
    scene.account("Start", "alice", "100.64.0.5", at=begin)
    scene.account("Start", "bob", "100.64.0.5", at=begin + 1800, login="0002")

    def holder(seconds: int) -> dict[str, Any]:
        at = datetime.fromtimestamp(begin + seconds, UTC).isoformat()
        return scene.ask("holder", "100.64.0.5", "--at", at, "--purpose", "report")

    assert holder(600)["line"] == "alice"
    assert holder(2400)["line"] == "bob"
    assert holder(-600)["answer"] == "nobody"
    doubtful = holder(1799)
    assert doubtful["answer"] == "ambiguous"
    assert {one["line"] for one in doubtful["candidates"]} == {"alice", "bob"}


def test_a_look_without_purpose_is_refused_and_recorded(lines_scene: Scene) -> None:
    scene = lines_scene
    scene.up()
    scene.account("Start", "alice", "100.64.0.5")
    done = scene.sekisho("line", "show", "alice", check=False)
    assert done.returncode != 0
    assert "purpose" in done.stderr
    shown = scene.ask("show", "alice", "--purpose", "customer-request")
    assert shown["class_name"] == "dynamic"
    log = scene.sekisho("audit", "log").stdout
    assert log.count("alice") >= 2
    assert scene.sekisho("audit", "verify").returncode == 0


def test_a_line_is_shown_with_the_limit_that_holds_now_and_why(lines_scene: Scene) -> None:
    scene = lines_scene
    scene.up()
    scene.account("Start", "alice", "100.64.0.5")
    assert scene.ask("show", "alice", "--purpose", "case")["class_limit_given_by"] == "file"
    scene.sekisho("gate", "set", "dynamic", "--cap", "77")
    shown = scene.ask("show", "alice", "--purpose", "case")
    assert (shown["limit"]["cap"], shown["class_limit_given_by"]) == (77, "operator")
    text = scene.sekisho("line", "show", "alice", "--purpose", "case").stdout
    assert "as `gate set` has it now" in text


def test_an_audit_log_that_was_changed_is_found_out(lines_scene: Scene) -> None:
    scene = lines_scene
    daemon = scene.up()
    scene.account("Start", "alice", "100.64.0.5")
    scene.ask("show", "alice", "--purpose", "case")
    scene.ask("show", "alice", "--purpose", "case")
    daemon.end()
    with sqlite3.connect(scene.store) as database:
        assert database.execute("UPDATE audit SET subject = 'bob' WHERE number = 1").rowcount == 1
    database.close()
    scene.up()
    done = scene.sekisho("audit", "verify", check=False)
    assert done.returncode == 1
    assert "1" in done.stdout + done.stderr


def test_relief_lets_a_line_go_until_it_is_ended(lines_scene: Scene) -> None:
    scene = lines_scene
    scene.up()
    scene.account("Start", "alice", "100.64.0.5")
    scene.wait_for("100.64.0.5")
    with scene.connect("100.64.0.5"), scene.connect("100.64.0.5"):
        with pytest.raises(ConnectionRefusedError):
            scene.connect("100.64.0.5")
        until_date = "2099-01-01"
        refused = scene.sekisho(
            "line", "relief", "alice", "--until", until_date, "--reason", "x", check=False
        )
        assert refused.returncode != 0
        soon = datetime.fromtimestamp(time.time() + 86_400, UTC).isoformat()
        scene.ask("relief", "alice", "--until", soon, "--reason", "own mail server")
        until(lambda: connects(scene))
        scene.ask("relief", "alice", "--end", "--reason", "no longer needed")
        until(lambda: not connects(scene))


def connects(scene: Scene) -> bool:
    try:
        scene.connect("100.64.0.5").close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_restart_brings_the_roster_back_and_keeps_counts(lines_scene: Scene) -> None:
    scene = lines_scene
    daemon = scene.up()
    scene.account("Start", "alice", "100.64.0.5")
    scene.account("Start", "alice", "100.64.0.6", login="0002")
    scene.wait_for("100.64.0.5", "100.64.0.6")
    with scene.connect("100.64.0.5"), scene.connect("100.64.0.6"):
        daemon.end(signal.SIGKILL)
        scene.up()
        scene.wait_for("100.64.0.5", "100.64.0.6")
        with pytest.raises(ConnectionRefusedError):
            scene.connect("100.64.0.6")


def test_what_was_acknowledged_survives_a_kill(lines_scene: Scene) -> None:
    scene = lines_scene
    daemon = scene.up()
    for number in range(20):
        scene.account("Start", f"line{number}", f"100.64.1.{number}", login=f"{number:04}")
    daemon.end(signal.SIGKILL)
    scene.up()
    scene.wait_for(*(f"100.64.1.{number}" for number in range(20)))


def test_an_accounting_on_ends_all_logins(lines_scene: Scene) -> None:
    scene = lines_scene
    scene.up()
    now = int(time.time())
    for number in range(5):
        scene.account("Start", f"line{number}", f"100.64.1.{number}", login=f"{number:04}", at=now - 60)
    scene.wait_for(*(f"100.64.1.{number}" for number in range(5)))
    scene.account("Accounting-On", "", login="", at=now - 30)
    scene.wait_for()


def test_a_list_is_imported_whole_or_not_at_all(lines_scene: Scene) -> None:
    scene = lines_scene
    scene.up()
    good, bad = scene.directory / "good.csv", scene.directory / "bad.csv"
    good.write_text("line,class,addresses,fixed\noffice,fixed,100.64.9.1 100.64.9.2,yes\n")
    bad.write_text("line,class,addresses,fixed\nshop,fixed,100.64.9.3,yes\nshop2,fixed,203.0.113.1,yes\n")
    scene.ask("import", str(good))
    scene.wait_for("100.64.9.1", "100.64.9.2")
    refused = scene.sekisho("line", "import", str(bad), check=False)
    assert refused.returncode != 0
    assert "3" in refused.stderr
    assert scene.addresses().keys() == {"100.64.9.1", "100.64.9.2"}


def test_the_configured_list_follows_a_reload(lines_scene: Scene) -> None:
    scene = lines_scene
    listed = scene.directory / "lines.csv"
    listed.write_text("line,class,addresses,fixed\noffice,fixed,100.64.9.1,yes\n")
    scene.write(("[radius]", '[lines]\nfile = "lines.csv"\n[radius]'))
    daemon = scene.up()
    scene.wait_for("100.64.9.1")
    listed.write_text("line,class,addresses,fixed\noffice,fixed,100.64.9.2,yes\n")
    daemon.process.send_signal(signal.SIGHUP)
    scene.wait_for("100.64.9.2")


def test_a_list_with_an_error_is_refused_by_check_and_by_a_reload(lines_scene: Scene) -> None:
    scene = lines_scene
    listed = scene.directory / "lines.csv"
    listed.write_text("line,class,addresses,fixed\noffice,fixed,100.64.9.1,yes\n")
    scene.write(("[radius]", '[lines]\nfile = "lines.csv"\n[radius]'))
    daemon = scene.up()
    scene.wait_for("100.64.9.1")
    listed.write_text("line,class,addresses,fixed\noffice,fixed,203.0.113.1,yes\n")
    checked = scene.gate.run(SEKISHO, "check", str(scene.file), check=False)
    assert checked.returncode != 0
    assert "lines.csv:2" in checked.stdout
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: scene.status()["config"]["refused"] is not None)
    assert scene.addresses().keys() == {"100.64.9.1"}
    daemon.end()
    scene.up()  # with the list that it has
    scene.wait_for("100.64.9.1")


def test_without_a_store_questions_say_so(lines_scene: Scene) -> None:
    scene = lines_scene
    text = CONFIG.format(name=scene.name, store=scene.store)
    begin, end = text.index("[store]"), text.index("[[pool]]")
    scene.file.write_text(text[:begin] + text[end:])
    scene.up()
    done = scene.sekisho("line", "show", "alice", "--purpose", "case", check=False)
    assert done.returncode != 0
    assert "[store]" in done.stderr


def test_a_store_that_is_away_stops_acknowledgements_only(lines_scene: Scene) -> None:
    scene = lines_scene
    scene.write((f"sqlite:///{scene.store}", f"sqlite:///{scene.directory}/away/lines.db"))
    scene.up()
    with pytest.raises(RuntimeError, match="radclient"):
        scene.account("Start", "alice", "100.64.0.5")
    with scene.connect("100.64.0.5"), scene.connect("100.64.0.5"), pytest.raises(ConnectionRefusedError):
        scene.connect("100.64.0.5")
    (scene.directory / "away").mkdir()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            scene.account("Start", "alice", "100.64.0.5")
        except RuntimeError:
            assert time.monotonic() < deadline
        else:
            break
    scene.wait_for("100.64.0.5")


def test_a_wrong_secret_is_not_heard(lines_scene: Scene) -> None:
    scene = lines_scene
    scene.up()
    command = ("radclient", "-q", "-r", "1", "-t", "1", "127.0.0.1:1813", "acct", "another secret, and wrong")
    done = scene.gate.run(
        *command,
        text_in='Acct-Status-Type = Start\nAcct-Session-Id = "1"\nUser-Name = "mallory"\n'
        "Framed-IP-Address = 100.64.0.5\n",
        check=False,
    )
    assert isinstance(done, subprocess.CompletedProcess)
    assert done.returncode != 0
    assert scene.addresses() == {}
