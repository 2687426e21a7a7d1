"""Lists of lines that are imported."""

from __future__ import annotations

import pytest

from sekisho.api import lines
from tests.unit.kept_lines import Desk, parsed, raw, shown

LIST = b"line,class,addresses,fixed\noffice-17,fixed,100.64.0.17 2001:db8:17::/48,yes\n"


def test_a_list_is_imported_and_recorded(desk: Desk) -> None:
    answer = raw(
        "POST", "/v1/lines/import", content=LIST, headers={"Content-Type": "text/csv; charset=utf-8"}
    )
    assert answer.json() == {
        "dry_run": False,
        "lines": 1,
        "lines_set": 1,
        "lines_dropped": 0,
        "leases_begun": 2,
        "leases_ended": 0,
        "at_desk": [],
        "warnings": [],
    }
    assert desk.recorded() == ("line import", "a list in csv", "", "", "1 lines, 2 leases begin, 0 end")
    assert shown("office-17")["class_from"] == "list"


def test_a_list_can_be_tried(desk: Desk) -> None:
    answer = raw("POST", "/v1/lines/import?dry_run=true", content=LIST, headers={"Content-Type": "text/csv"})
    assert (answer.json()["dry_run"], answer.json()["leases_begun"]) == (True, 2)
    assert desk.recorded()[4].startswith("tried only: 1 lines")
    with desk.store.reading() as transaction:
        assert list(transaction.listed_lines()) == []


def test_the_list_of_a_file_is_not_replaced(desk: Desk) -> None:
    desk.config = parsed('[lines]\nfile = "lines.csv"\n')
    answer = raw("POST", "/v1/lines/import", content=LIST, headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:sekisho:problem:list-in-file")
    assert desk.recorded()[4] == "refused: [lines] names lines.csv: change that file, and reload"
    tried = raw("POST", "/v1/lines/import?dry_run=true", content=LIST, headers={"Content-Type": "text/csv"})
    assert tried.json()["leases_begun"] == 2


def test_every_error_of_a_list_is_told_and_nothing_of_it_imported(desk: Desk) -> None:
    wrong = LIST + b"office-18,none,100.64.0.18,yes\noffice-19,fixed,192.0.2.1,perhaps\n"
    answer = raw("POST", "/v1/lines/import", content=wrong, headers={"Content-Type": "text/csv"})
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "urn:sekisho:problem:refused-list")
    assert [one.partition(": ")[0] for one in problem["problems"]] == ["3", "4", "4"]
    assert desk.recorded()[4] == "refused: nothing is imported: 3 errors are in the list"
    with desk.store.reading() as transaction:
        assert list(transaction.listed_lines()) == []


def test_what_is_no_list_is_refused_and_recorded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = raw("POST", "/v1/lines/import", content=LIST, headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:sekisho:problem:list-kind")
    assert desk.recorded() == ("line import", "", "", "", f"refused: {answer.json()['detail']}")
    monkeypatch.setattr(lines, "LARGEST_LIST", 10)
    answer = raw("POST", "/v1/lines/import", content=LIST, headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:sekisho:problem:list-too-large")
    assert len(desk.records()) == 2
