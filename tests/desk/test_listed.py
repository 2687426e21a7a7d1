"""Whether a line is still its customer's, by what another list says."""

from __future__ import annotations

import pytest

from sekisho.desk.listed import Became, became

OLD, NEW = "old@example.net", "new@example.net"


@pytest.mark.parametrize(
    ("was", "contact", "has_held", "stays", "what"),
    [
        (OLD, OLD, True, True, None),
        (OLD, "OLD@example.net", True, True, None),
        ("", NEW, True, True, None),  # where nobody was known, nobody is another
        (OLD, OLD, False, False, None),  # offline
        (OLD, NEW, True, True, Became.CONTACT),
        (OLD, "", True, True, Became.CONTACT),
        (OLD, NEW, False, False, Became.CONTACT),  # no address tells more
        (OLD, OLD, True, False, Became.ADDRESSES),
        ("", "", True, False, Became.ADDRESSES),
        ("", NEW, True, False, Became.ADDRESSES),
        (OLD, NEW, True, False, Became.ANOTHER),
        (OLD, None, True, False, Became.OFF),
        (OLD, None, False, False, Became.OFF),
        (OLD, None, True, True, Became.UNLISTED),
    ],
)
def test_what_a_list_makes_of_a_line(
    was: str, contact: str | None, has_held: bool, stays: bool, what: Became | None
) -> None:
    assert became(was=was, contact=contact, has_held=has_held, stays=stays) is what


def test_a_line_is_gone_only_where_nothing_of_its_customer_stays() -> None:
    assert {what for what in Became if what.is_gone} == {Became.OFF, Became.ANOTHER}
    assert {what for what in Became if what.has_contact} == {Became.ADDRESSES}
