"""The table of a case: which event leads from which state to which, and what is done then.

Theory of operation. A case is opened by a report against a line that has none, and it is decided about at
each report, at each moment that `due` names, and whenever a person says something. Of the rules for a state
and an event the first whose guard holds is followed (`sekisho.desk.cases`), and where there is none nothing
happens: to a person it is said why.

    - Reports alone lead to the stop request, to a limit of the line's own, and to a proposal. No further.
    - Reports of which nothing proves whose they are lead to nothing, and strangers' to a stop request alone:
      a person may approve the next step, which is the stop request or the limit. Where strangers have led to
      as many stop requests as they may, the next of theirs waits for a person.
    - A report that a person attributes counts as any other, and what follows of it has that person as its
      author; the bound on strangers' stop requests is not for it.
    - A suspension is a person's decision: the approval of a proposal, or an immediate one with a reason. What
      is grave needs two persons either way.
    - What was done by itself, and is not borne any more by what is left when accounting has taken reports out
      of a case, is undone by itself; what a person decided is put before people.
    - A stop request is to be heeded from its grace after the customer was told, by a letter that has left or
      by a person who says so. Of whoever was not told no suspension is proposed; that goes before people.
    - Everything that is done to a line has an end date, at which time alone undoes it. A person may name
      another, earlier or later, and another kind of suspension: by two persons where that is grave.
    - An evidence hold limits instead of suspending. Time undoes its limit, but leaves the hold to people.
    - A line that is off the list takes all that is done to it along, and nobody is told. Where a list makes
      doubtful whose it is, what is in force stays, nobody is told, and only what is sent later counts,
      until a person confirms that it is the same customer's.
    - Who restores or dismisses undoes all that is in force; nothing of a case is ever deleted by this.

docs/desk-cases.md is drawn from this table (`sekisho.desk.drawing`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from sekisho.desk.case_values import State, What


class Guard(StrEnum):
    """What has to hold for a rule to be followed, in words for the drawing."""

    ALWAYS = ""
    STOP_REQUEST = "enough for a stop request"
    BOUNDED = "enough for a stop request, but of strangers, who may lead to no more today"
    LIMIT = "enough for a limit of its own"
    PROPOSAL = "enough of it sent after the customer was told to stop"
    UNHEEDED = "as much, but the stop request has reached nobody"
    WAITS = "its stop request waits to be sent"
    UNTOLD = "its stop request has reached nobody yet"
    NEW = "sent since it stopped"
    QUIET = "none for so long"
    OVER = "the suspension's end date"
    ENDED = "the limit's end date"
    LIMITED = "the limit is in force"
    ENOUGH = "enough persons"
    CHANGE = "enough persons for the change proposed"
    SURE = "unless it is doubted already"
    DOUBTED = "it is doubted"
    WAITS_FOR_NOTHING = "not enough is left for the stop request that waits for people"
    REQUEST_FALLS = "not enough is left for its stop request"
    LIMIT_FALLS = "not enough is left for its limit"
    BOTH_FALL = "not enough is left for its limit and its stop request"
    PROPOSAL_FALLS = "not enough is left for its proposal"
    PROPOSAL_FALLS_LIMITED = "not enough is left for its proposal, and the limit is in force"
    DECIDED = "a person has decided it"


class Effect(StrEnum):
    """What is done when a rule is followed, in words for the drawing."""

    ASK_TO_STOP = "send the stop request, unless sent"
    WAIT_FOR_PEOPLE = "put it before people"
    WAIT_NO_MORE = "put it before people no more"
    PUT_BEFORE_PEOPLE = "put it before people, who have decided it"
    TELL_PEOPLE = "put it before people, as nobody was told"
    NOTE_TOLD = "note whether the customer is told"
    LIMIT = "limit the line"
    TELL_LIMITED = "tell a customer who was asked before of the limit"
    PROPOSE = "note the proposal"
    APPROVE = "note the approval"
    SUSPEND = "suspend, and say so"
    LIFT_SUSPENSION = "lift the suspension"
    LIFT_ENDED = "lift the limit"
    LIFT = "lift all"
    TELL_RESTORED = "tell a customer who was told before"
    FREEZE = "freeze"
    THAW = "unfreeze"
    DOUBT = "put it before people; count anew; tell nobody until then"
    SETTLE_DOUBT = "count what was before again"
    CONFIRM = "confirm the reporters"
    REJECT = "count against the reporters"
    TELL_LIFTED = "say that the limit was a mistake"
    WITHDRAW = "withdraw the stop request, and say so"


@dataclass(frozen=True, slots=True)
class Rule:
    """In a state, at an event, if the guard holds: the next state, and what is done, in this order."""

    state: State
    event: What
    guard: Guard
    to: State
    effects: tuple[Effect, ...] = ()


S, W, G, E = State, What, Guard, Effect

_FROM_REPORTS = (
    Rule(S.COLLECTING, W.REPORT, G.LIMIT, S.LIMITED, (E.ASK_TO_STOP, E.LIMIT)),
    Rule(S.COLLECTING, W.REPORT, G.STOP_REQUEST, S.STOP_REQUESTED, (E.ASK_TO_STOP,)),
    Rule(S.COLLECTING, W.REPORT, G.BOUNDED, S.COLLECTING, (E.WAIT_FOR_PEOPLE,)),
    Rule(S.STOP_REQUESTED, W.REPORT, G.PROPOSAL, S.PROPOSED, (E.PROPOSE,)),
    Rule(S.STOP_REQUESTED, W.REPORT, G.LIMIT, S.LIMITED, (E.LIMIT, E.TELL_LIMITED)),
    Rule(S.STOP_REQUESTED, W.REPORT, G.UNHEEDED, S.STOP_REQUESTED, (E.TELL_PEOPLE,)),
    Rule(S.LIMITED, W.REPORT, G.PROPOSAL, S.PROPOSED, (E.PROPOSE,)),
    Rule(S.LIMITED, W.REPORT, G.UNHEEDED, S.LIMITED, (E.TELL_PEOPLE,)),
    Rule(S.STOPPED, W.REPORT, G.LIMIT, S.LIMITED, (E.ASK_TO_STOP, E.LIMIT)),
    Rule(S.STOPPED, W.REPORT, G.STOP_REQUEST, S.STOP_REQUESTED, (E.ASK_TO_STOP,)),
    Rule(S.STOPPED, W.REPORT, G.BOUNDED, S.COLLECTING, (E.WAIT_FOR_PEOPLE,)),
    Rule(S.STOPPED, W.REPORT, G.NEW, S.COLLECTING),
)
_FROM_TIME = (
    Rule(S.COLLECTING, W.TIME, G.QUIET, S.STOPPED),
    Rule(S.STOP_REQUESTED, W.TIME, G.QUIET, S.STOPPED),
    Rule(S.LIMITED, W.TIME, G.QUIET, S.STOPPED, (E.LIFT, E.TELL_RESTORED)),
    Rule(S.LIMITED, W.TIME, G.ENDED, S.STOP_REQUESTED, (E.LIFT_ENDED,)),
    Rule(S.PROPOSED, W.TIME, G.QUIET, S.STOPPED, (E.LIFT, E.TELL_RESTORED)),
    Rule(S.PROPOSED, W.TIME, G.ENDED, S.PROPOSED, (E.LIFT_ENDED,)),
    Rule(S.SUSPENDED, W.TIME, G.OVER, S.RESTORED, (E.LIFT, E.TELL_RESTORED)),
    Rule(S.SUSPENDED, W.TIME, G.ENDED, S.SUSPENDED, (E.LIFT_ENDED,)),
    Rule(S.HELD, W.TIME, G.ENDED, S.HELD, (E.LIFT_ENDED,)),
)
_OPEN = (S.COLLECTING, S.STOP_REQUESTED, S.STOPPED, S.LIMITED, S.PROPOSED)
_OF_A_LINE = (*_OPEN, S.SUSPENDED, S.HELD)
_FROM_LISTS = (
    *(Rule(state, W.LINE_GONE, G.ALWAYS, S.GONE, (E.LIFT,)) for state in (*_OPEN, S.SUSPENDED)),
    Rule(S.HELD, W.LINE_GONE, G.ALWAYS, S.KEPT, (E.LIFT,)),
    *(Rule(state, W.LINE_DOUBTED, G.SURE, state, (E.DOUBT,)) for state in _OF_A_LINE),
    *(Rule(state, W.CONFIRM, G.DOUBTED, state, (E.SETTLE_DOUBT,)) for state in _OF_A_LINE),
)
_SUSPENDING = (E.SUSPEND, E.CONFIRM)
_FROM_PEOPLE = (
    Rule(S.COLLECTING, W.APPROVE, G.ALWAYS, S.STOP_REQUESTED, (E.ASK_TO_STOP,)),
    Rule(S.STOP_REQUESTED, W.APPROVE, G.ALWAYS, S.LIMITED, (E.LIMIT, E.TELL_LIMITED)),
    Rule(S.PROPOSED, W.APPROVE, G.ENOUGH, S.SUSPENDED, _SUSPENDING),
    Rule(S.PROPOSED, W.APPROVE, G.ALWAYS, S.PROPOSED, (E.APPROVE,)),
    *(Rule(state, W.SUSPEND, G.ENOUGH, S.SUSPENDED, _SUSPENDING) for state in _OPEN),
    *(Rule(state, W.SUSPEND, G.ALWAYS, S.PROPOSED, (E.PROPOSE,)) for state in _OPEN),
    Rule(S.SUSPENDED, W.SUSPEND, G.ENOUGH, S.SUSPENDED, (E.SUSPEND,)),
    Rule(S.SUSPENDED, W.SUSPEND, G.ALWAYS, S.SUSPENDED, (E.PROPOSE,)),
    Rule(S.SUSPENDED, W.APPROVE, G.CHANGE, S.SUSPENDED, (E.SUSPEND,)),
    *(Rule(state, W.HOLD, G.ALWAYS, S.HELD, (E.FREEZE, E.LIMIT)) for state in _OPEN),
    Rule(S.SUSPENDED, W.HOLD, G.ALWAYS, S.HELD, (E.FREEZE, E.LIMIT, E.LIFT_SUSPENSION)),
    Rule(S.HELD, W.HOLD, G.ALWAYS, S.HELD, (E.LIMIT,)),
    Rule(S.HELD, W.RELEASE, G.LIMITED, S.LIMITED, (E.THAW, E.ASK_TO_STOP, E.TELL_LIMITED)),
    Rule(S.HELD, W.RELEASE, G.ALWAYS, S.STOPPED, (E.LIFT, E.THAW, E.TELL_RESTORED)),
    Rule(S.HELD, W.RESTORE, G.ALWAYS, S.RESTORED, (E.LIFT, E.THAW, E.TELL_RESTORED)),
    Rule(S.HELD, W.DISMISS, G.ALWAYS, S.DISMISSED, (E.LIFT, E.THAW, E.TELL_RESTORED, E.REJECT)),
    *(
        Rule(state, W.RESTORE, G.ALWAYS, S.RESTORED, (E.LIFT, E.TELL_RESTORED))
        for state in (S.STOP_REQUESTED, S.LIMITED, S.PROPOSED, S.SUSPENDED)
    ),
    *(
        Rule(state, W.DISMISS, G.ALWAYS, S.DISMISSED, (E.LIFT, E.TELL_RESTORED, E.REJECT))
        for state in (*_OPEN, S.SUSPENDED)
    ),
    *(Rule(state, W.DISMISS, G.ALWAYS, S.DISMISSED, (E.REJECT,)) for state in (S.RESTORED, S.GONE)),
    Rule(S.KEPT, W.RELEASE, G.ALWAYS, S.GONE, (E.THAW,)),
    Rule(S.KEPT, W.DISMISS, G.ALWAYS, S.DISMISSED, (E.THAW, E.REJECT)),
)
_BY_HAND = (  # as a report, with a person as the author of what follows, which is noted in any case
    *(replace(rule, event=W.ATTRIBUTE) for rule in _FROM_REPORTS if rule.guard is not G.BOUNDED),
    *(Rule(state, W.ATTRIBUTE, G.ALWAYS, state) for state in (*_OPEN, S.SUSPENDED, S.HELD)),
)

_FROM_CORRECTIONS = (  # one step back at a time
    Rule(S.COLLECTING, W.CORRECTION, G.WAITS_FOR_NOTHING, S.COLLECTING, (E.WAIT_NO_MORE,)),
    Rule(S.STOP_REQUESTED, W.CORRECTION, G.REQUEST_FALLS, S.COLLECTING, (E.WITHDRAW,)),
    Rule(S.LIMITED, W.CORRECTION, G.BOTH_FALL, S.COLLECTING, (E.LIFT, E.WITHDRAW)),
    Rule(S.LIMITED, W.CORRECTION, G.LIMIT_FALLS, S.STOP_REQUESTED, (E.LIFT, E.TELL_LIFTED)),
    Rule(S.PROPOSED, W.CORRECTION, G.PROPOSAL_FALLS_LIMITED, S.LIMITED),
    Rule(S.PROPOSED, W.CORRECTION, G.PROPOSAL_FALLS, S.STOP_REQUESTED),
    Rule(S.PROPOSED, W.CORRECTION, G.LIMIT_FALLS, S.PROPOSED, (E.LIFT, E.TELL_LIFTED)),
    *(
        Rule(state, W.CORRECTION, G.DECIDED, state, (E.PUT_BEFORE_PEOPLE,))
        for state in (S.STOP_REQUESTED, S.LIMITED, S.PROPOSED, S.SUSPENDED, S.HELD)
    ),
)

_ASKED = (S.STOP_REQUESTED, S.LIMITED, S.PROPOSED, S.SUSPENDED, S.HELD)
_FROM_LETTERS = (
    *(
        Rule(state, what, G.WAITS, state, (E.NOTE_TOLD,))
        for state in _ASKED
        for what in (W.LETTER_SENT, W.NO_LETTER, W.LETTER_GIVEN_UP)
    ),
    *(Rule(state, W.TOLD, G.UNTOLD, state, (E.NOTE_TOLD,)) for state in _ASKED),
)

TABLE: tuple[Rule, ...] = (
    *_FROM_REPORTS,
    *_FROM_TIME,
    *_FROM_CORRECTIONS,
    *_FROM_LISTS,
    *_FROM_LETTERS,
    *_FROM_PEOPLE,
    *_BY_HAND,
)
