"""A protocol, its plan and blocks as plain values of JSON: moments in UTC, durations with a unit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sekisho.durations import format_ms
from sekisho.model import Limit
from sekisho.trial.plan import Block, Limits, Plan, Span, Switchback, Units
from sekisho.trial.protocol import Difference, TrialProtocol

_MS = timedelta(milliseconds=1)

Written = Mapping[str, Any]


def written_plan(plan: Plan) -> Written:
    """Write a plan; what is for several classes is by their names."""
    return {
        "name": plan.name,
        **_span(plan.span),
        "zone": plan.zone,
        "classes": _limits(plan.own),
        "phases": [{**_span(phase.span), "limits": _limits(phase.limits)} for phase in plan.phases],
        "switchback": None if plan.switchback is None else _switchback(plan.switchback),
        "maintenance": [_span(window) for window in plan.maintenance],
    }


def written_protocol(protocol: TrialProtocol) -> Written:
    """Write a plan with what it is judged by and what stops it."""
    guardrails = protocol.guardrails
    return {
        "plan": written_plan(protocol.plan),
        "outcomes": [str(outcome) for outcome in protocol.outcomes],
        "guardrails": {
            "complaints_per_day": guardrails.complaints_per_day,
            "gate_errors": guardrails.gate_errors,
            "bypass": format_ms(guardrails.bypass_ms),
            "delay_p99": format_ms(guardrails.delay_p99_ms),
            "leases": format_ms(guardrails.leases_ms),
            **_difference(guardrails.difference),
        },
    }


def _difference(difference: Difference | None) -> Written:
    """Write it where there is one: what was registered without it keeps its digest."""
    if difference is None:
        return {}
    return {"difference": str(difference.of), "harmless": difference.harmless}


def written_block(block: Block) -> Written:
    """Write what one class has for a while."""
    return {
        **_span(Span(block.begin, block.end)),
        "class": block.class_name,
        "arm": str(block.arm),
        "limit": _limit(block.limit),
        "phase": block.phase,
        "pair": block.pair,
        "washout_end": None if block.washout_end is None else written_moment(block.washout_end),
        **({} if block.unit is None else {"unit": block.unit}),
    }


def written_moment(moment: datetime) -> str:
    """Write a moment, which is aware."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _switchback(switchback: Switchback) -> Written:
    return {
        **_span(switchback.span),
        "block": format_ms(switchback.block // _MS),
        "washout": format_ms(switchback.washout // _MS),
        "seed": switchback.seed,
        "on": _limits(switchback.on),
        **_units(switchback),
    }


def _units(switchback: Switchback) -> Written:
    """Write them where there are several: what was registered without them keeps its digest."""
    if switchback.units is Units.TRIAL:
        return {}
    gates = {"gates": list(switchback.gates)} if switchback.units is Units.GATES else {}
    return {"units": str(switchback.units), **gates}


def _span(span: Span) -> Written:
    return {"begin": written_moment(span.begin), "end": written_moment(span.end)}


def _limits(limits: Limits) -> Written:
    return {name: _limit(limit) for name, limit in limits}


def _limit(limit: Limit) -> Written:
    return {
        "mode": str(limit.mode),
        "cap": limit.cap,
        "delay": format_ms(limit.delay_ms),
        "excess": str(limit.excess),
    }
