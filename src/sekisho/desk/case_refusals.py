"""Why what a person asks of a case is not done, with the way out."""

from __future__ import annotations

from datetime import timedelta

from sekisho.desk.case_effects import limited_until
from sekisho.desk.case_guards import Asked
from sekisho.desk.case_table import TABLE
from sekisho.desk.case_values import BY_ITSELF, OF_THEMSELVES, SUSPENSIONS, Kind, State, What

LONGEST = timedelta(days=366)
"""How long a person may have something last; who wants more decides again."""

_OF_REPORTS = OF_THEMSELVES | {What.ATTRIBUTE}


def refusal(asked: Asked) -> str | None:
    """Say what is wrong with what a person asks, whatever the state."""
    event = asked.event
    if event.what in OF_THEMSELVES:
        return None
    if not _is_person(event.by):
        return f"{event.by!r} is no person: only a person may {event.what}"
    if not event.reason.strip():
        return f"there is no reason: say why you {event.what}"
    if (other := _other(asked)) is not None:
        return other
    if event.until is not None and not asked.now < event.until <= asked.now + LONGEST:
        end = event.until.isoformat(timespec="seconds")
        return f"{end} cannot be its end: name a moment from now on and within {LONGEST.days} days"
    if asked.suspends and (unfit := _unfit(asked)) is not None:
        return unfit
    if asked.is_grave and event.login is None:
        return f"a grave action needs a person who has logged in, which {event.by} has not: {_LOG_IN}"
    if asked.is_grave and event.login in asked.agreed:
        return f"{event.by} has said so already, and a {asked.kind} needs two: another person has to approve"
    if event.what is What.APPROVE and (unlike := _unlike(asked)) is not None:
        return unlike
    return _past(asked) or _unchanged(asked)


def _other(asked: Asked) -> str | None:
    """Say that the case, or its line's customer, may not be what the person takes it for."""
    case, event = asked.case, asked.event
    if case.is_doubted and event.what in (What.APPROVE, What.SUSPEND):
        if_not = f"if it is not, `sekisho desk confirm {case.number} --reason …` comes first, else `restore`"
        return f"the line of case {case.number} may be another customer's by now: {if_not}"
    if event.version not in (None, case.version):
        now_it_is = f"case {case.number} is at version {case.version} by now, not {event.version}"
        return f"{now_it_is}: look at it again, and decide about what it is"
    return None


def _unfit(asked: Asked) -> str | None:
    """Say why a suspension of this kind cannot be."""
    if asked.kind not in SUSPENSIONS:
        return f"{asked.kind} is no suspension: name one of {', '.join(sorted(SUSPENSIONS))}"
    if asked.kind not in asked.policy.able:
        return f"nothing could carry out a {asked.kind}: add the NAS as [[desk.nas]], or name {Kind.PORT25}"
    return None


def _unlike(asked: Asked) -> str | None:
    """Say why what a person approves may not be what is proposed: it may have been changed meanwhile."""
    proposal, event = asked.case.proposal, asked.event
    if proposal is None:
        next_is_limit = asked.case.state is State.STOP_REQUESTED
        meant = (None, Kind.LIMIT) if next_is_limit else (None,)
        if asked.case.state is State.SUSPENDED:
            return (
                f"no change of the suspension of case {asked.case.number} is proposed: suspend to change it"
            )
        return None if event.kind in meant else f"no {event.kind} is proposed: name none, or suspend"
    if event.kind not in (None, proposal.kind):
        return f"what is proposed is a {proposal.kind}, and no {event.kind}: approve that, or suspend anew"
    if event.kind is None and asked.policy.persons(proposal.kind) > 1:
        return f"what is proposed, a {proposal.kind}, needs two persons: name it as the kind that you approve"
    return None


def _past(asked: Asked) -> str | None:
    """Say that a person would have something proposed done whose end is over, naming no other."""
    proposal, event = asked.case.proposal, asked.event
    is_meant = event.what in (What.APPROVE, What.SUSPEND) and event.until is None
    if not is_meant or proposal is None or proposal.kind is not asked.kind or proposal.until is None:
        return None
    end = proposal.until.isoformat(timespec="seconds")
    return f"its end, {end}, is over: name another" if proposal.until <= asked.now else None


def _unchanged(asked: Asked) -> str | None:
    """Say that what a person wants is so already."""
    case, event = asked.case, asked.event
    if event.what is What.TOLD and case.request is not None and case.request.is_known:
        return f"the customer was told at {case.request.at.isoformat(timespec='seconds')}"
    if (case.state, event.what) == (State.HELD, What.HOLD):
        known, until = case.measure(Kind.LIMIT), limited_until(case, event, asked.now, asked.policy)
    elif (case.state, event.what) == (State.SUSPENDED, What.SUSPEND):
        known, until = case.measure(asked.kind), event.until or asked.now + asked.policy.suspended
    else:
        return None
    if known is None or known.until != until:
        return None
    return f"its {known.kind} lasts until {until.isoformat(timespec='seconds')} already: name another end"


_LOG_IN = "log in as a user of your own, not as root, who may be anybody, and ask with sudo"


def _is_person(name: str) -> bool:
    """Tell whether a name may be a person's; none may look like another's, or like two, in the record."""
    is_plain = name.isprintable() and name == " ".join(name.split()) and "," not in name
    return bool(name) and is_plain and name.casefold() != BY_ITSELF


def no_rule(asked: Asked) -> str:
    """Say what can be done instead of what no rule has."""
    case = asked.case
    rules = {rule.event for rule in TABLE if rule.state is case.state} - _OF_REPORTS
    rules -= {What.APPROVE, What.SUSPEND} if case.is_doubted else {What.CONFIRM}
    allowed = ", ".join(sorted(rules)) or "nothing"
    since = case.since.isoformat(timespec="seconds")
    return f"case {case.number} is {case.state} since {since}: what can be done is {allowed}"
