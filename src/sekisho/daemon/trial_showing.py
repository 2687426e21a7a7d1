"""Puts how the trial stands, and what happened to it, into the values of the interface."""

from __future__ import annotations

from hashlib import sha256

from sekisho.api.models import LimitValue
from sekisho.api.trial_models import (
    RegisterAnswer,
    RegisteredValue,
    Registration,
    SuspensionValue,
    TrialClassValue,
    TrialEventValue,
    TrialStatus,
)
from sekisho.daemon.describe import block_value
from sekisho.daemon.guardrail_showing import KeptOfTrial
from sekisho.daemon.kept import Kept
from sekisho.store import StoreError
from sekisho.trial.events import Event, Suspension
from sekisho.trial.plan import units
from sekisho.trial.protocol import TrialProtocol
from sekisho.trial.registration import Version, canonical
from sekisho.trial.standing import Standing


def trial_status(
    protocol: TrialProtocol,
    standing: Standing,
    kept: Kept,
    of_store: KeptOfTrial | StoreError,
    *,
    is_durable: bool,
) -> TrialStatus:
    """Show how a trial stands; `of_store`: what the store knows of it, or why that is not known."""
    versions: tuple[Version, ...] | StoreError = (
        of_store if isinstance(of_store, StoreError) else of_store.versions
    )
    digest = sha256(canonical(protocol).encode()).hexdigest()
    plan, limits = protocol.plan, kept.limits()
    last = None if isinstance(versions, StoreError) or not versions else versions[-1]
    return TrialStatus(
        name=plan.name,
        state=standing.state,
        begin=plan.span.begin,
        end=plan.span.end,
        zone=plan.zone,
        digest=digest,
        registration=_registration(digest, last, is_known=not isinstance(versions, StoreError)),
        registered=None if last is None else _registered(last),
        suspension=suspension_value(standing.suspension, is_durable=is_durable),
        units=() if plan.switchback is None else tuple(filter(None, units(plan.switchback))),
        classes={
            name: TrialClassValue(
                limit=LimitValue.of(limits[name]),
                set_by_operator=name in kept.overrides,
                block=block_value(standing.blocks.get(name)),
            )
            for name, _ in plan.own
        },
        next_change=standing.until,
        store=str(versions) if isinstance(versions, StoreError) else "ok",
    )


def register_answer(name: str, version: Version) -> RegisterAnswer:
    """Show what was registered."""
    shown = _registered(version).model_dump()
    return RegisterAnswer(name=name, supersedes=version.supersedes, text=version.text, **shown)


def suspension_value(suspension: Suspension | None, *, is_durable: bool) -> SuspensionValue | None:
    """Show what a trial is suspended by."""
    if suspension is None:
        return None
    return SuspensionValue(
        since=suspension.since,
        by=suspension.by,
        uid=suspension.uid,
        reason=suspension.reason,
        known=not suspension.is_assumed,
        durable=is_durable,
    )


def event_value(event: Event) -> TrialEventValue:
    """Show what happened."""
    return TrialEventValue(at=event.at, what=event.what, reason=event.reason, by=event.by, uid=event.uid)


def _registered(version: Version) -> RegisteredValue:
    return RegisteredValue(
        version=version.number,
        digest=version.digest,
        registered_at=version.registered_at,
        late=version.late,
    )


def _registration(digest: str, last: Version | None, *, is_known: bool) -> Registration:
    if not is_known:
        return Registration.UNKNOWN
    if last is None:
        return Registration.NONE
    return Registration.IN_FORCE if last.digest == digest else Registration.DIFFERS
