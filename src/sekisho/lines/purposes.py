"""Why somebody may look at one line."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """The reasons there are; each look-up is recorded with one of them."""

    CASE = "case"  # the desk works on a case
    REPORT = "report"  # a recipient's report has to be attributed
    CUSTOMER_REQUEST = "customer-request"  # the line's own customer has asked
    FAULT = "fault"  # something does not work, and this line is where it shows
    LAWFUL_ORDER = "lawful-order"  # a court or an authority with a warrant
