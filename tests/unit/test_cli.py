"""The command line as an operator types it; the daemon behind it has no kernel."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from sekisho.api import client
from sekisho.api.models import Status
from sekisho.cli import app
from sekisho.cli.top import Sample, frame
from sekisho.model import Excess, Limit, Mode
from tests.unit.fake_daemon import FILE, FakeOffice, running

SHIPPED = Path(__file__).parents[2] / "etc" / "sekisho.toml"
GOOD = """\
[gate]
name = "north"
subscriber = ["bng0"]
uplink = ["up0"]
[[pool]]
prefix = "100.64.0.0/16"
class = "dynamic"
[class.dynamic]
mode = "enforce"
cap = 5
delay = "6s"
"""


def sekisho(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="sekisho")


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOffice]:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with running(FakeOffice()) as found:
        yield found


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.toml"
    file.write_text(GOOD)
    return file


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.toml"
    file.write_text(GOOD.replace("cap = 5", "cap = 0").replace("uplink", "uplinks"))
    return file


def test_the_version_is_told() -> None:
    assert sekisho("--version").output == f"sekisho {version('sekisho')}\n"


def test_no_command_and_wrong_usage_end_with_2() -> None:
    assert sekisho().exit_code == 2
    assert sekisho("gate", "sideways").exit_code == 2
    assert sekisho("gate", "set", "dynamic").exit_code == 2
    assert sekisho("gate", "up").exit_code == 2


def test_help_shows_brackets_as_they_are() -> None:
    assert "as in [class.NAME]" in sekisho("gate", "set", "--help").output


def test_a_good_file_is_called_good() -> None:
    result = sekisho("check", str(SHIPPED))
    assert (result.exit_code, result.output) == (0, f"{SHIPPED}: good\n")


def test_a_warning_refuses_nothing(good: Path) -> None:
    result = sekisho("check", str(good))
    assert result.exit_code == 0
    assert f"{good}:11: warning: class.dynamic.delay: after 6s some mail programs" in result.output
    assert result.output.endswith(f"{good}: good, 1 warning\n")


def test_every_error_of_a_file_is_listed(bad: Path) -> None:
    result = sekisho("check", str(bad))
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert [line.split(": ")[0] for line in lines[:-1]] == [f"{bad}:{number}" for number in (1, 4, 10)]
    assert lines[-1] == f"{bad}: 3 errors, for the operator to mend"


def test_check_prints_json(good: Path, bad: Path) -> None:
    told = json.loads(sekisho("check", "--json", str(good)).output)
    assert (told["file"], told["good"], told["errors"], len(told["digest"])) == (str(good), True, [], 64)
    assert list(told["warnings"][0]) == ["line", "key", "what", "way_out"]
    told = json.loads(sekisho("check", "--json", str(bad)).output)
    assert (told["good"], told["digest"]) == (False, None)
    assert [error["key"] for error in told["errors"]] == ["gate.uplink", "gate.uplinks", "class.dynamic.cap"]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for command in (("check",), ("gate", "up", "--config")):
        result = sekisho(*command, str(tmp_path / "none.toml"))
        assert result.exit_code == 1
        assert (
            result.stderr == f"sekisho: {tmp_path / 'none.toml'} cannot be read: No such file or directory\n"
        )


def test_up_refuses_a_bad_file_before_it_touches_anything(bad: Path) -> None:
    result = sekisho("gate", "up", "--config", str(bad))
    assert result.exit_code == 1
    assert f"{bad}:10: error: class.dynamic.cap\n" in result.stderr


def test_up_names_no_address_since_its_words_go_to_a_log(bad: Path) -> None:
    bad.write_text(GOOD.replace("100.64.0.0/16", "100.64.7.7/16"))
    result = sekisho("gate", "up", "--config", str(bad))
    assert result.stderr == (
        f"{bad}:6: error: pool[0].prefix\n"
        f"{bad}:11: warning: class.dynamic.delay\n"
        f"`sekisho check {bad}` tells what is wrong there, and the way out\n"
    )


@pytest.mark.usefixtures("office")
def test_status_is_told_in_words_and_as_json() -> None:
    told = sekisho("gate", "status").output
    assert told.startswith("gate gate: enforcing, delay by hold\n  bng0: subscriber, tcx\n")
    assert told.split("dynamic")[1].split()[:8] == ["enforce", "5", "1s", "drop", "3", "2", "12", "8"]
    assert "alarm: 4 sessions met a full map of slots: make `slots` in [gate] larger" in told
    status = Status.model_validate_json(sekisho("gate", "status", "--json").output)
    assert status.state == "enforcing, delay by hold"


def test_set_changes_what_is_named_and_tells_what_the_file_says(office: FakeOffice) -> None:
    result = sekisho("gate", "set", "dynamic", "--cap", "9", "--excess", "reset")
    assert result.exit_code == 0
    assert result.output == (
        "class dynamic: enforce, cap 9, delay 1s, excess reset\n"
        "the file says: enforce, cap 5, delay 1s, excess drop; write it there too if it is to last\n"
    )
    assert office.limit == Limit(Mode.ENFORCE, 9, 1_000, Excess.RESET)
    assert "* dynamic: set by `gate set`; the file says" in sekisho("gate", "status").output


def test_set_back_to_the_file_says_nothing_of_it(office: FakeOffice) -> None:
    office.limit = replace(FILE, cap=9)
    assert sekisho("gate", "set", "dynamic", "--cap", "5").output == (
        "class dynamic: enforce, cap 5, delay 1s, excess drop\n"
    )


@pytest.mark.usefixtures("office")
def test_set_warns_of_a_long_delay() -> None:
    result = sekisho("gate", "set", "dynamic", "--delay", "6s")
    assert result.exit_code == 0
    assert result.stderr == "warning: after 6s some have given up\n"


@pytest.mark.usefixtures("office")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none", "--cap", "1"), "there is no class 'none'"),
        (("dynamic", "--cap", "0"), "cap: a cap of 0 would close port 25"),
        (("dynamic", "--delay", "21s"), "delay: a delay of 21s is so long"),
        (("dynamic", "--mode", "off"), 'mode: "off" is not one of the choices: write "observe" or "enforce"'),
    ],
)
def test_what_the_daemon_refuses_is_told(arguments: tuple[str, ...], said: str) -> None:
    result = sekisho("gate", "set", *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"sekisho: {said}")


def test_down_asks_the_daemon(office: FakeOffice) -> None:
    result = sekisho("gate", "down")
    assert result.exit_code == 0
    assert result.output.startswith("gate gate: detached, nothing is limited\n")
    assert "attaches it again at boot" in result.output
    assert [what for what, _ in office.asked] == ["down"]


def test_the_gate_of_a_configuration_is_asked(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    with running(FakeOffice(), "north"):
        assert sekisho("gate", "set", "dynamic", "--cap", "9", "--config", str(good)).exit_code == 0
        assert sekisho("gate", "set", "dynamic", "--cap", "9", "--name", "north").exit_code == 0
    result = sekisho("gate", "set", "dynamic", "--cap", "9", "--config", str(tmp_path / "none.toml"))
    assert result.exit_code == 2


def test_a_name_that_no_gate_can_have_is_wrong_usage() -> None:
    result = sekisho("gate", "down", "--name", "../up")
    assert result.exit_code == 2
    assert "cannot name a class or a gate" in result.output


def test_without_a_daemon_the_way_to_start_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    for command in (("set", "dynamic", "--cap", "9"), ("top",)):
        result = sekisho("gate", *command)
        assert result.exit_code == 1
        assert result.stderr.startswith("sekisho: no daemon runs for gate 'gate'")


def test_top_shows_rates() -> None:
    before = FakeOffice().status()
    after = before.model_copy(
        update={
            "classes": {
                "dynamic": before.classes["dynamic"].model_copy(update={"admitted": 17, "refused": 28})
            }
        }
    )
    console = Console(width=120)
    with console.capture() as shown:
        console.print(frame(Sample(before, 10.0), Sample(after, 12.0)))
    row = next(line for line in shown.get().splitlines() if "dynamic" in line)
    assert row.replace("│", " ").split() == ["dynamic", "enforce", "5", "1s", "3", "2", "2.5", "10.0"]


def test_an_interface_without_the_gate_is_an_alarm() -> None:
    status = FakeOffice().status().model_copy(update={"missing_interfaces": ("bng1",)})
    console = Console(width=120)
    with console.capture() as shown:
        console.print(frame(Sample(status, 10.0), Sample(status, 12.0)))
    assert "alarm: the gate is not on bng1: what comes by it meets no limit" in shown.get()


def test_top_without_a_terminal_prints_one_table_after_the_other(
    office: FakeOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        if office.limit != FILE:
            raise KeyboardInterrupt
        office.limit = replace(FILE, cap=9)

    monkeypatch.setattr(time, "sleep", interrupted)
    result = sekisho("gate", "top")
    assert result.exit_code == 0
    assert [line.count("enforce") for line in result.output.splitlines() if "dynamic" in line] == [1, 1]


def test_starting_loads_nothing_heavy() -> None:
    code = "import sys, sekisho.cli; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"fastapi", "pydantic", "httpx", "numpy", "rich.console"} & set(loaded)
