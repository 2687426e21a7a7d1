"""The metrics of a real daemon: what it counted, and nothing by which a line could be told."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sekisho.api.client import socket_path
from tests.system.lines_scene import SERVER, Scene
from tests.system.waiting import until
from tests.unit.test_metrics import LABELS

LINE = "100.64.0.5"
USER = "hanako@isp.example"
PREFIX = "2001:db8:1:500::/56"


def scraped(scene: Scene) -> str:
    transport = httpx.HTTPTransport(uds=str(socket_path(scene.name)))
    with httpx.Client(transport=transport, base_url="http://sekisho") as client:
        answer = client.get("/v1/metrics", timeout=60)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return answer.text


def _without_values(text: str) -> str:
    # the digits of a duration may be those of any line by chance
    return "\n".join(row if row.startswith("#") else row.rpartition(" ")[0] for row in text.splitlines())


def test_no_metric_names_a_line_an_address_or_a_server(lines_scene: Scene) -> None:
    daemon = lines_scene.up()
    lines_scene.account("Start", USER, LINE, PREFIX)
    lines_scene.wait_for(LINE, PREFIX)
    until(lambda: "sekisho_addresses_held" in scraped(lines_scene))
    with lines_scene.connect(LINE), lines_scene.connect(LINE):
        with pytest.raises(ConnectionRefusedError):
            lines_scene.connect(LINE)
        text = scraped(lines_scene)
    daemon.end()
    named = _without_values(text)
    for secret in (USER, "hanako", "100.64.", "2001:db8", SERVER, "198.51.100", "0001", "bng1", "127.0.0.1"):
        assert secret not in named
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    assert {label for one in samples for label in one.labels} <= LABELS
    names = {value for one in samples for label, value in one.labels.items() if label != "le"}
    assert {"dynamic", "fixed", "radius", "taken"} <= names
    by_name = {one.name: one.value for one in samples if one.labels.get("class") in (None, "dynamic")}
    assert (by_name["sekisho_sessions"], by_name["sekisho_sessions_refused_total"]) == (2, 1)
    assert (by_name["sekisho_lines"], by_name["sekisho_addresses_held"]) == (1, 2)
    assert (by_name["sekisho_store_up"], by_name["sekisho_readings_waiting"] <= 1) == (1, True)
