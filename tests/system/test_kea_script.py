"""The script of Kea's hook by itself: many at once, a daemon that is away, answers that it cannot use."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.system.dhcp import Receiver, write_hook
from tests.system.waiting import until

PARALLEL = 40


@pytest.fixture
def receiver(tmp_path: Path) -> Receiver:
    return Receiver(tmp_path / "api.sock")


def start(receiver: Receiver, last: int, event: str = "leases4_committed") -> subprocess.Popen[bytes]:
    """Start the script as Kea does, with nothing else in its environment."""
    directory = receiver.path.parent
    script = directory / "hook.sh"
    if not script.exists():
        write_hook(directory, receiver.path, directory / "spool")
    lease = {"ADDRESS": f"100.64.0.{last}", "CLIENT_ID": f"01:{last:02x}", "HOSTNAME": "a secret"}
    variables = {f"LEASES4_AT0_{key}": value for key, value in lease.items()}
    return subprocess.Popen(
        [script, event], env={"LEASES4_SIZE": "1", **variables}, stderr=subprocess.DEVNULL, close_fds=True
    )


def run(receiver: Receiver, last: int, event: str = "leases4_committed") -> int:
    """Run it to its end; return its status."""
    return start(receiver, last, event).wait(60)


def addresses(receiver: Receiver) -> list[str]:
    return sorted(call["variables"]["LEASES4_AT0_ADDRESS"] for call in receiver.calls)


def spooled(receiver: Receiver) -> list[str]:
    spool = receiver.path.parent / "spool"
    return sorted(one.name for one in spool.iterdir() if one.suffix != ".lock")


def test_many_at_once_are_all_told_and_nothing_is_left(receiver: Receiver) -> None:
    with receiver.listening():
        scripts = [start(receiver, last) for last in range(PARALLEL)]
        assert [script.wait(60) for script in scripts] == [0] * PARALLEL
    assert addresses(receiver) == sorted(f"100.64.0.{last}" for last in range(PARALLEL))
    assert spooled(receiver) == []


def test_what_could_not_be_told_is_told_with_the_next(receiver: Receiver) -> None:
    scripts = [start(receiver, last) for last in range(10)]
    assert [script.wait(60) for script in scripts] == [1] * 10
    receiver.status = 503  # the daemon is there, its store is not
    with receiver.listening():
        assert run(receiver, 10) == 1
        receiver.status = 200
        assert run(receiver, 11) == 0
    assert addresses(receiver) == sorted(f"100.64.0.{last}" for last in range(12))
    assert spooled(receiver) == []


def test_a_daemon_that_ends_in_the_middle_is_told_again(receiver: Receiver) -> None:
    with receiver.listening():
        scripts = [start(receiver, last) for last in range(PARALLEL)]
        until(lambda: len(receiver.calls) > 2)
    for script in scripts:
        script.wait(60)
    with receiver.listening():
        assert run(receiver, PARALLEL) == 0
    assert set(addresses(receiver)) == {f"100.64.0.{last}" for last in range(PARALLEL + 1)}
    assert spooled(receiver) == []


def test_what_the_daemon_cannot_read_is_set_aside(receiver: Receiver) -> None:
    receiver.status = 422
    with receiver.listening():
        assert run(receiver, 1) == 0
        receiver.status = 200
        assert run(receiver, 2) == 0
    assert addresses(receiver) == ["100.64.0.2"]
    (only,) = spooled(receiver)
    assert only.startswith("refused.")


def part_of(receiver: Receiver, names: Iterable[str]) -> Path:
    """Have the script write down an event, and make of it a part with one event of each client."""
    assert run(receiver, 1) == 1
    spool = receiver.path.parent / "spool"
    (part,) = spool.glob("part.*")
    line = part.read_text()
    part.write_text("".join(line.replace("01:01", name) for name in names))
    return part


def clients(receiver: Receiver) -> list[str]:
    return [call["variables"]["LEASES4_AT0_CLIENT_ID"] for call in receiver.calls]


@pytest.mark.parametrize("number", [2, 3, 5, 8, 500])
def test_what_is_too_large_at_a_time_is_told_in_smaller_parts_in_order(
    receiver: Receiver, number: int
) -> None:
    names = [f"01:{one:06x}" for one in range(number)]
    part = part_of(receiver, names)
    (part.parent / "part.000001").write_text(
        part.read_text().splitlines()[0].replace(names[0], "later") + "\n"
    )
    receiver.most_bytes = part.stat().st_size * 2 // 5 if number > 2 else part.stat().st_size // 2 + 20
    with receiver.listening():
        assert run(receiver, 2) == 0
    assert clients(receiver) == [*names, "later", "01:02"]
    assert spooled(receiver) == []


def test_an_event_that_is_too_large_by_itself_is_set_aside_alone(receiver: Receiver) -> None:
    part = part_of(receiver, ["a", "b", "x" * 5000, "c", "d"])
    receiver.most_bytes = 4000
    with receiver.listening():
        assert run(receiver, 2) == 0
    assert clients(receiver) == ["a", "b", "c", "d", "01:02"]
    (only,) = spooled(receiver)
    assert only.startswith("refused.")
    assert "x" * 5000 in (part.parent / only).read_text()


def test_halves_that_were_interrupted_are_made_again(receiver: Receiver) -> None:
    part = part_of(receiver, ["a", "b", "c"])
    (part.parent / f"{part.name}.0").write_text(part.read_text().splitlines()[0])  # torn: no newline
    receiver.most_bytes = part.stat().st_size - 1
    with receiver.listening():
        assert run(receiver, 2) == 0
    assert clients(receiver) == ["a", "b", "c", "01:02"]
    assert spooled(receiver) == []


def test_a_split_that_was_interrupted_is_done_again(receiver: Receiver) -> None:
    assert run(receiver, 1) == 1
    spool = receiver.path.parent / "spool"
    (part,) = spool.glob("part.*")
    (spool / "taken").write_bytes(part.read_bytes())
    with receiver.listening():
        assert run(receiver, 2) == 0
    assert addresses(receiver) == ["100.64.0.1", "100.64.0.2"]


def test_no_more_of_a_client_is_told_than_is_needed(receiver: Receiver) -> None:
    with receiver.listening():
        assert run(receiver, 1) == 0
    (call,) = receiver.calls
    assert call["variables"].keys() == {"LEASES4_SIZE", "LEASES4_AT0_ADDRESS", "LEASES4_AT0_CLIENT_ID"}


@pytest.mark.parametrize("event", ["lease4_renew", "lease6_rebind", "lease4_recover", "subnet4_select"])
def test_events_that_say_nothing_new_are_passed_over(receiver: Receiver, event: str) -> None:
    with receiver.listening():
        assert run(receiver, 1, event) == 0
    assert receiver.calls == []
    assert not (receiver.path.parent / "spool").exists()
