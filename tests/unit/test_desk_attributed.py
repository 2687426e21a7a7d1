"""A report that no program could attribute, attributed by a person: to whom it may be, and to nobody else."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from sekisho.desk.attribute import Found
from sekisho.desk.case_values import State
from sekisho.desk.trust import Weight
from sekisho.lines.events import Lease
from tests.desk import letters
from tests.desk.world import World, world
from tests.unit.desk_office import LIMITED, Office, office_open, refused, told
from tests.unit.desk_site import about, facts_of, is_like

WHY = ("--reason", "its gateway writes so")


@pytest.fixture(scope="module")
def provider() -> World:
    return world(3)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: World) -> Iterator[Office]:
    with office_open(tmp_path, monkeypatch, provider) as made:
        yield made


def others(office: Office) -> Iterator[Lease]:
    """Yield leases of other lines, of the same hours."""
    some = (one for one in office.site.provider.leases if is_like(one, office.lease))
    return (one for one in some if one.line != office.lease.line)


def doubtful(office: Office, number: int, other: Lease) -> bytes:
    """Return a report whose field names the line, and whose hop another."""
    facts = facts_of(office.lease, number)
    hop = letters.postfix(ip_address(other.address.network), facts.date)
    facts = replace(facts, message=letters.message([hop], number))
    return letters.delivered(letters.arf(facts, random.Random(number)), facts.reporter.partition("@")[2])


def name(lease: Lease) -> str:
    return f"L-{lease.line:04}"


def test_what_a_person_attributes_counts_as_its_reporters_word_with_the_person_as_author(
    office: Office,
) -> None:
    other = next(others(office))
    office.take(*(doubtful(office, number, other) for number in (0, 1)))
    with office.site.store.reading() as transaction:
        assert transaction.listed_cases() == ()
    before = office.site.settled_lines
    told("attribute", "1", "--line", name(office.lease), *WHY)
    assert office.site.settled_lines == before + 1
    shown = json.loads(told("case", "1", "--json"))
    assert (shown["line"], shown["case"]["state"]) == (name(office.lease), State.STOP_REQUESTED)
    (event,) = shown["events"]
    assert (event["what"], event["reason"]) == ("attribute", "its gateway writes so")
    assert event["by"] not in ("", "sekishod")
    assert shown["reports"] == [1]
    assert "individually-limited" in told("attribute", "2", "--line", name(office.lease), *WHY)
    office.act()
    assert office.in_kernel == LIMITED
    with office.site.store.reading() as transaction:
        (incident,) = transaction.incidents_of(1)
        assert (incident.found, incident.weight, incident.line) == (
            Found.ATTRIBUTED,
            Weight.SOUND,
            office.lease.line,
        )
        (action,) = transaction.case_actions(1)
        assert action.by == event["by"]
        recorded = [one.entry for one in transaction.records_of_case(1)]
    assert [(one.action, one.reference, one.outcome) for one in recorded if one.user != "sekishod"][:1] == [
        ("line holder", "report 1, case 1", "attributed")
    ]
    assert office.recorded()[-1] == ("desk attribute", "report 2", "to case 1")
    assert told("queue") == "the queue is empty\n"


def test_nobody_is_accused_whom_the_leases_do_not_bear(office: Office) -> None:
    other, third = list(others(office))[:2]
    office.take(doubtful(office, 0, other))
    assert "did not hold" in refused("attribute", "1", "--line", name(third), *WHY)
    address = str(ip_address(office.lease.address.network))
    taken = ("--address", address, "--at", (office.lease.begin + timedelta(hours=1)).isoformat())
    assert "accuses nobody" in refused("attribute", "1", "--line", name(third), *taken, *WHY)
    assert "nothing was ever heard" in refused("attribute", "1", "--line", "L-9999", *WHY)
    elsewhere = ("--address", str(ip_address(third.address.network)))
    assert "itself tells of" in refused("attribute", "1", "--line", name(third), *elsewhere, *WHY)
    later = ("--at", (office.lease.begin + timedelta(minutes=90)).isoformat())
    assert "its word is for nothing else" in refused("attribute", "1", "--line", name(other), *later, *WHY)
    with office.site.store.reading() as transaction:
        assert transaction.listed_cases() == ()
        assert [one.number for one in transaction.queued_reports()] == [1]
    assert {one[2].partition(":")[0] for one in office.recorded()} == {"refused"}


def test_what_is_settled_stays_settled_and_the_same_counts_once(office: Office) -> None:
    other = next(others(office))
    office.take(about(office.lease, 0), doubtful(office, 1, other), b"Subject: x\r\n\r\nspam\r\n")
    mine = ("--line", name(office.lease), *WHY)
    assert "report 1 is settled already: attributed" in refused("attribute", "1", *mine)
    assert "report 2 has no incident 3" in refused("attribute", "2", *mine, "--incident", "3")
    assert "no report 9" in refused("attribute", "9", *mine)
    told("attribute", "2", *mine)
    assert "is settled already" in refused("attribute", "2", *mine)
    office.take(doubtful(office, 1, other).replace(b"Subject: ", b"Subject: again "))
    assert "has reported the same before" in refused("attribute", "4", *mine)


def test_what_nobody_understands_is_attributed_by_what_a_person_has_read_and_leads_to_nothing_by_itself(
    office: Office,
) -> None:
    office.take(b"Subject: hello\r\n\r\nspam from you, see the picture\r\n")
    mine = ("--line", name(office.lease), *WHY)
    assert "name address and moment yourself" in refused("attribute", "1", *mine)
    at = (office.lease.begin + timedelta(hours=1)).isoformat()
    seen = ("--address", str(ip_address(office.lease.address.network)), "--at", at)
    not_ours = ("--address", "192.88.99.1", *seen[2:])
    assert "no address of a line of ours" in refused("attribute", "1", *mine, *not_ours)
    future = (*seen[:3], (office.site.now + timedelta(hours=1)).isoformat())
    assert "no moment that has been" in refused("attribute", "1", *mine, *future)
    shown = told("attribute", "1", *mine, *seen)
    assert "case 1 (dynamic): collecting" in shown
    assert "only claimed" in shown
    assert told("queue") == "the queue is empty\n"


def test_a_doubted_reporters_word_counts_for_nothing_by_hand_either(office: Office) -> None:
    office.site.trusted = frozenset()
    other = next(others(office))
    for number in (0, len(letters.REPORTERS)):
        office.take(about(office.lease, number, 3_600 + number))
        told("dismiss", str((number and 2) or 1), "--reason", "made up")
    office.take(doubtful(office, 2 * len(letters.REPORTERS), other))
    assert "counts for nothing now (doubted)" in refused("attribute", "3", "--line", name(office.lease), *WHY)


def test_without_the_key_of_its_original_nothing_is_attributed(office: Office) -> None:
    office.take(doubtful(office, 0, next(others(office))))
    office.site.key = Fernet.generate_key()
    mine = ("--line", name(office.lease), *WHY)
    assert "put its key back" in refused("attribute", "1", *mine)
    assert office.recorded()[-1][2].startswith("refused: ")


def test_of_several_incidents_the_one_is_named(office: Office) -> None:
    office.take(doubtful(office, 0, next(others(office))))
    with office.site.store.transaction() as transaction:
        (one,) = transaction.incidents_of(1)
        transaction.add_incident(replace(one, place=1))
    told("attribute", "1", "--line", name(office.lease), "--incident", "1", *WHY)
    assert "report 1 of" in told("queue")  # the other waits
