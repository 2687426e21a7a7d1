"""In which network namespace a hold is, and that it is the only one there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sekisho.gate import memory
from sekisho.gate.hold import Hold
from sekisho.gate.memory import MemoryFaultError
from sekisho.gate.rules import remove_rules
from tests.system.netns import Net
from tests.system.road import Road, ipv4_syns


@pytest.mark.parametrize("namespace", ["net:[1]", "net:[HERE]"])  # the second has the number of one now gone
def test_memory_of_a_namespace_that_is_gone_is_not_used(road: Road, namespace: str) -> None:
    road.state.mkdir()
    gone = namespace.replace("HERE", f"{Path(road.gate.path).stat().st_ino}")
    kept = json.dumps({"namespace": gone, "cookie": 0, "tables": ["ip"]})
    for name in ("road", "other"):
        (road.state / f"{name}.rules.json").write_text(kept)
    road.hold({0: 100})
    road.stop()
    road.remove()
    (road.state / "road.rules.json").write_text(kept)
    road.gate.run("nft", "add", "table", "ip", "raw")
    road.remove()
    assert "table ip raw" in road.ruleset()


def test_rules_in_another_namespace_are_told_and_left(road: Road, net: Net) -> None:
    road.hold({0: 100})
    road.stop()
    before = road.ruleset()
    elsewhere = net.namespace("elsewhere")
    told = rf"another network namespace.*nsenter --net={road.gate.path} sekisho gate down"
    for act in (
        lambda: remove_rules("road", road.state),
        Hold({0: 100}, name="road", state=road.state).start,
    ):
        with pytest.raises(MemoryFaultError, match=told):
            elsewhere.call(act)
    assert road.ruleset() == before
    road.remove()
    assert "sekisho" not in road.ruleset()


def test_a_second_hold_in_one_namespace_is_refused(road: Road) -> None:
    hold = road.hold({0: 300})
    with pytest.raises(MemoryFaultError, match=r"gate 'road' is in this network namespace.*--name road"):
        road.hold({0: 100}, name="second", base=2600)
    road.wire.send(ipv4_syns(range(20)))
    assert min(map(road.wire.delay_ms, road.wire.take(20))) >= 300
    assert hold.state().banks[0].released == 20
    road.stop()
    with pytest.raises(MemoryFaultError):  # its rules are still there
        road.hold({0: 100}, name="second", base=2600)
    road.remove()
    road.hold({0: 100}, name="second", base=2600)
    road.stop()
    road.gate.call(lambda: remove_rules("second", road.state))
    assert "sekisho" not in road.ruleset()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cookie": HERE, "surprise": 1}'])
def test_a_damaged_memory_is_told_with_the_way_out(road: Road, text: str) -> None:
    road.state.mkdir()
    (road.state / "road.rules.json").write_text(text.replace("HERE", f"{road.gate.call(memory._cookie)}"))
    with pytest.raises(MemoryFaultError, match=r"road\.rules\.json, .* is damaged .* delete the file"):
        road.remove()
