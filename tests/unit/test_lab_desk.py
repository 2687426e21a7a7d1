"""The desk's laboratory before it runs, and what its figures say."""

from __future__ import annotations

import io
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from sekisho.config import parse
from sekisho.config.desk_plan import policies_of
from sekisho.desk.case_values import Kind
from sekisho.desk.policy import Policy
from sekisho.lab import desk_layout, desk_mail, desk_report, gate, measure, postfix, programs
from sekisho.lab.desk_result import (
    Accused,
    DeskResult,
    Happened,
    OpenCase,
    Span,
    Stage,
    Taken,
    What,
    figures,
    taken,
)
from sekisho.lab.measure import Letter, Letters
from sekisho.lab.receipts import Receipt

BOT, NEIGHBOUR = desk_layout.SPAMMER.line, desk_layout.NEIGHBOUR
RATES = {Stage.BEFORE: 10, Stage.ASKED: 10, Stage.LIMITED: 0.5, Stage.SUSPENDED: 0, Stage.RESTORED: 10}
SPANS = tuple(
    Span(stage, 10.0 * at, 10.0 * at + 2, 10.0 * at + 10, sessions, refused)
    for at, (stage, sessions, refused) in enumerate(
        zip(Stage, (10, 10, 1, 0, 10), (0, 0, 0, 30, 0), strict=True)
    )
)
LETTERS = [Letter(f"{NEIGHBOUR}-{at}", NEIGHBOUR, False, 2.0 * at) for at in range(24)]
RECORD = tuple(
    Happened(at, what, str(what))
    for at, what in (
        (0.0, What.SPAM),
        (5.0, What.REPORT),
        (6.0, What.CASE),
        (7.0, What.REPORT),
        (7.5, What.STOP_REQUEST),
        (11.0, What.REPORT),
        (11.25, What.LIMIT),
        (11.5, What.FORGERY),
        (20.0, What.REPORT),
        (20.5, What.PROPOSAL),
        (21.0, What.COMMAND),
        (22.0, What.SUSPENSION),
        (30.0, What.COMMAND),
        (31.0, What.RESTORATION),
    )
)
FORGED = OpenCase(NEIGHBOUR, "collecting", 0, desk_layout.LIMITING, 0)
ACCUSED = Accused(
    BOT, ("stop-request-sent", "individually-limited", "suspended"), (), (FORGED,), 0, 0, others_limited=False
)


def arrivals(rates: dict[Stage, float]) -> list[Receipt]:
    """So many spam messages a second in each stage, and each letter a second after it was written."""
    spam = [
        Receipt(BOT, None, span.begin + number / rates[span.stage])
        for span in SPANS
        for number in range(int(8 * rates[span.stage]))
    ]
    return [*spam, *(Receipt(NEIGHBOUR, one.name, one.written + 1) for one in LETTERS)]


def result(
    *,
    rates: dict[Stage, float] | None = None,
    spans: Sequence[Span] = SPANS,
    accused: Accused = ACCUSED,
    notices: int = 4,
    lost: int = 0,
) -> DeskResult:
    receipts = arrivals({**RATES, **(rates or {})})
    return DeskResult(
        run="0",
        seconds=50,
        stages=figures(spans, receipts, LETTERS, set()),
        notices=("a notice",) * notices,
        accused=accused,
        letters=Letters(24, 24 - lost, lost, 0, 0, 0),
        record=RECORD,
        timeline=measure.timeline(receipts, [(str(span.stage), span.begin) for span in SPANS], 50, 0.5),
    )


def test_the_config_is_what_the_gate_reads_with_the_usual_steps_and_no_grace() -> None:
    text = gate.config("ab12", desk_layout.LIMIT, Path("/lab")) + desk_layout.config()
    checked = parse(text.encode())
    assert checked.problems == ()
    assert checked.config is not None
    able = frozenset({Kind.PORT25})
    usual = Policy(grace=timedelta(), own_limit=desk_layout.OWN_LIMIT, able=able)
    assert policies_of(checked.config) == {gate.CLASS: usual}


def test_as_many_recipients_report_once_each_as_the_steps_need() -> None:
    usual = Policy()
    assert usual.stop_request is not None
    assert usual.proposal is not None
    fewest = usual.stop_request.reporters + usual.proposal.reporters
    assert len({one.domain for one in desk_layout.RECIPIENTS}) == fewest
    assert {one.address for one in desk_layout.RECIPIENTS} == set(desk_layout.SPAMMER.targets)


def test_the_spamming_line_has_an_honest_neighbour_in_its_pool() -> None:
    sender = next(one for one in programs.SENDERS if one.line == NEIGHBOUR)
    assert not sender.exempt
    assert BOT in programs.LINE_NAMES


def test_the_mail_servers_deliver_each_mailbox_and_hand_the_abuse_desks_mail_on() -> None:
    for server in (desk_mail.RECEIVING, desk_mail.PROVIDER):
        boxes = desk_mail.delivering(server, Path("/mail"), 65534, 65534)
        files = postfix.config(Path("/lab"), server.host, (*server.settings, *boxes), server.services)
        assert f"{{{server.mailboxes[0]} = {desk_mail.maildir(server.mailboxes[0])}/}}" in files["main.cf"]
        listening = [row.split(":")[0] for row in files["master.cf"].splitlines() if " inet " in row]
        assert all(address in files["main.cf"] for address in listening)
        assert all(ipaddress.ip_address(address).version == 4 for address in listening)
    assert f"{desk_layout.ABUSE} = lmtp:inet:[{desk_layout.GATE_ADDRESS}]" in " ".join(
        desk_mail.PROVIDER.settings
    )


def test_each_lines_customer_has_a_mailbox_and_is_on_the_list() -> None:
    rows = desk_layout.line_list().splitlines()
    assert rows[0] == "line,class,addresses,fixed,contact,language"
    contacts = [row.split(",")[4] for row in rows[1:]]
    assert len(contacts) == len(programs.LINE_NAMES)
    assert set(contacts) < set(desk_mail.PROVIDER.mailboxes)


def test_a_stage_counts_what_arrived_in_it_and_the_neighbours_letters_written_in_it() -> None:
    before, _, limited, suspended, _ = result().stages
    assert (before.messages_per_minute, limited.messages_per_minute) == (600, 30)
    assert limited.arithmetic_per_minute == pytest.approx(60 / (1 + 1))  # T is 10 sessions at 10 a second
    assert before.arithmetic_per_minute is None
    assert (suspended.messages_per_minute, suspended.refused) == (0, 30)
    assert (before.neighbour.delivered, before.neighbour.failed) == (5, 0)
    assert before.neighbour.messages_per_minute == 30


def test_a_letter_that_never_arrives_has_failed() -> None:
    receipts = [one for one in arrivals(RATES) if one.letter != f"{NEIGHBOUR}-0"]
    before = figures(SPANS, receipts, LETTERS, {f"{NEIGHBOUR}-1"})[0]
    assert (before.neighbour.delivered, before.neighbour.failed) == (3, 2)


def test_times_run_from_the_first_report_and_from_what_led_to_it() -> None:
    assert taken(RECORD, What.STOP_REQUEST) == Taken(2.5, 0.5)
    assert taken(RECORD, What.LIMIT) == Taken(6.25, 0.25)
    assert taken(RECORD, What.SUSPENSION) == Taken(17.0, 1.0)
    assert taken(RECORD, What.RESTORATION) == Taken(26.0, 1.0)


def test_all_that_is_wanted_holds() -> None:
    assert set(result().holds) == {
        "attribution",
        "forgery",
        "notices",
        "limit",
        "suspension",
        "restoration",
        "neighbour",
    }
    assert all(result().holds.values())


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (result(accused=replace(ACCUSED, line=NEIGHBOUR)), "attribution"),
        (result(accused=replace(ACCUSED, queued=1)), "attribution"),
        (result(accused=replace(ACCUSED, others_told=1)), "forgery"),
        (result(accused=replace(ACCUSED, others_limited=True)), "forgery"),
        (result(accused=replace(ACCUSED, others=())), "forgery"),
        (result(accused=replace(ACCUSED, others=(replace(FORGED, state="stop-request-sent"),))), "forgery"),
        (result(accused=replace(ACCUSED, others=(replace(FORGED, measures=1),))), "forgery"),
        (result(accused=replace(ACCUSED, others=(replace(FORGED, claimed=2),))), "forgery"),
        (result(notices=3), "notices"),
        (result(notices=5), "notices"),
        (result(rates={Stage.LIMITED: 5}), "limit"),
        (result(spans=[replace(one, sessions=10) for one in SPANS]), "limit"),
        (result(rates={Stage.SUSPENDED: 1}), "suspension"),
        (result(spans=[replace(one, refused=0) for one in SPANS]), "suspension"),
        (result(rates={Stage.RESTORED: 0.5}), "restoration"),
        (result(spans=[*SPANS[:-1], replace(SPANS[-1], sessions=1)]), "restoration"),
        (result(lost=1), "neighbour"),
    ],
)
def test_each_failure_is_told_alone(found: DeskResult, what: str) -> None:
    assert [key for key, holds in found.holds.items() if not holds] == [what]


def text(width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    for part in desk_report.render(result(), width):
        console.print(part, highlight=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_it_fits_a_terminal_of_80_columns() -> None:
    printed = text(80)
    assert max(len(line) for line in printed.splitlines()) <= 80
    assert "individually limited" in printed
    assert "…" not in printed


def test_it_ends_with_who_was_accused_and_what_became_of_honest_letters() -> None:
    printed = text(200)
    assert f"accused: {BOT}, by 4 reports; left to people for doubt: 0" in printed
    assert f"1 forged reports against {NEIGHBOUR}: nobody else told or limited" in printed
    assert "its case was stop request sent, individually limited, suspended; notices" in printed
    assert "honest letters: 24 written, 24 delivered, 0 failed (wanted: 0)" in printed


def test_the_json_has_the_documented_keys() -> None:
    found = json.loads(json.dumps(desk_report.as_json(result()), allow_nan=False))
    assert (found["line"], found["neighbour"]) == (BOT, NEIGHBOUR)
    assert [stage["stage"] for stage in found["stages"]] == [
        *("before", "stop-request-sent", "individually-limited", "suspended", "restored")
    ]
    assert found["times"]["limit"] == {"since_first_report": 6.25, "since_cause": 0.25}
    assert found["record"][0] == {"at": 0.0, "what": "spam", "text": "spam"}
    assert found["holds"] == dict.fromkeys(result().holds, True)
    docs = (Path(__file__).parents[2] / "docs/lab.md").read_text().rpartition("## The JSON of `lab desk`")[2]
    assert [key for key in found if f"`{key}" not in docs] == []
