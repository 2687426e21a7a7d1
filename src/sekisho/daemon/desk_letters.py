"""Notes in a case what became of the letter with its stop request, in the transaction of the letter's end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sekisho.config import Config
from sekisho.config.desk_plan import policies_of
from sekisho.daemon.desk_cases import befall
from sekisho.daemon.postman import Ended
from sekisho.desk.case_values import Event, What
from sekisho.desk.notices import asking_case, is_request_of
from sekisho.desk.policy import Policy
from sekisho.store import Transaction


def noting(config: Callable[[], Config]) -> Ended:
    """Return what notes it, as the configuration in force says."""

    def ended(transaction: Transaction, letter: str, at: datetime, why: str | None) -> None:
        number = asking_case(letter)
        case = None if number is None else transaction.case(number)
        if case is None or not is_request_of(letter, case):
            return
        policy = policies_of(config()).get(case.class_name, Policy())
        what, reason = (What.LETTER_SENT, "it was sent") if why is None else (What.LETTER_GIVEN_UP, why)
        befall(transaction, policy, case, Event(what, reason=reason), at)

    return ended
