"""The metrics of a daemon in Prometheus' text format, made for each scrape of what it answers with.

Sums of classes only: no label is of a line, an address, a user or a destination. Names and units are as
https://prometheus.io/docs/practices/naming/ recommends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from sekisho.api.line_models import LinesStatus
from sekisho.api.metric_names import (
    COUNTERS,
    EQUIPMENT_PACKETS,
    EQUIPMENT_SECONDS,
    HOLD_COUNTERS,
    TOTALS,
)
from sekisho.api.models import ClassStatus, CountersValue, Status
from sekisho.desk.actions import UNCONFIRMED
from sekisho.desk.case_values import Kind
from sekisho.desk.trust import Weight
from sekisho.desk.workload import Waiting, Workload
from sekisho.durations import parse_ms
from sekisho.gate.abi import CONCURRENCY_BUCKETS, LENGTH_BUCKETS
from sekisho.gate.releases import LATENESS_EDGES_MS
from sekisho.measure.equipment import EquipmentCounts
from sekisho.model import ClassCounters, Mode
from sekisho.trial.standing import State

_SINGLY: Final = 16  # up to here each number of sessions has a bucket, then each doubling
CONCURRENCY_EDGES: Final = (
    *range(1, _SINGLY + 1),
    *(_SINGLY << n for n in range(1, CONCURRENCY_BUCKETS - _SINGLY)),
)
LENGTH_EDGES_SECONDS: Final = tuple(((2 << n) - 1) / 1_000 for n in range(LENGTH_BUCKETS - 1))
LATENESS_EDGES_SECONDS: Final = tuple(edge / 1_000 for edge in LATENESS_EDGES_MS)
_WAITING: Final = "waiting"  # of what was counted of sources the one that is no count of events

_Samples = Iterable[tuple[tuple[str, ...], float]]


class Scrape(NamedTuple):
    """What the metrics of a moment are made of.

    `lateness`: packets by `LATENESS_EDGES_MS`. `lines`, `minutes_waiting`, `letters_given_up` (by kind): None
    where there is no store. `equipment`: since the first scrape, None where it could not be read.
    `desk`: None where there is none, or the store is away.
    """

    status: Status
    counters: CountersValue
    lateness: Sequence[int]
    lines: LinesStatus | None
    minutes_waiting: int | None
    equipment: EquipmentCounts | None = None
    letters_given_up: Mapping[str, int] | None = None
    desk: Workload | None = None


def metrics_router(scrape: Callable[[], Scrape]) -> APIRouter:
    """Return the path of the metrics."""
    router = APIRouter()

    @router.get("/v1/metrics", response_class=Response)
    def metrics() -> Response:
        return Response(rendered(scrape()), media_type=CONTENT_TYPE_LATEST)

    return router


def rendered(scrape: Scrape) -> bytes:
    """Return metrics as text, the process's own among them."""
    registry = CollectorRegistry()
    registry.register(_Values(scrape))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Values(Collector):
    """What a registry asks of those who have metrics."""

    def __init__(self, scrape: Scrape) -> None:
        self._scrape = scrape

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        return families(self._scrape)


def families(scrape: Scrape) -> Iterator[Metric]:
    """Yield the metrics of a scrape."""
    make = _Families(scrape.status.name)
    yield from _of_gate(make, scrape.status)
    yield from _of_classes(make, scrape.status)
    yield from _of_counters(make, scrape.counters)
    yield from _of_hold(make, scrape)
    yield from _of_equipment(make, scrape.equipment)
    yield from _of_trial(make, scrape.status)
    yield from _of_lines(make, scrape)
    yield from _of_desk(make, scrape.desk)


class _Families:
    """Makes metrics of one gate, whose name is their first label."""

    def __init__(self, gate: str) -> None:
        self._gate = gate

    def gauge(self, name: str, said: str, samples: _Samples, labels: Sequence[str] = ()) -> Metric:
        """Make what may go up and down."""
        return self._filled(GaugeMetricFamily(f"sekisho_{name}", said, labels=("gate", *labels)), samples)

    def counter(self, name: str, said: str, samples: _Samples, labels: Sequence[str] = ()) -> Metric:
        """Make what only grows; its name gets `_total`."""
        return self._filled(CounterMetricFamily(f"sekisho_{name}", said, labels=("gate", *labels)), samples)

    def histogram(
        self,
        name: str,
        said: str,
        edges: Sequence[float],
        samples: Iterable[tuple[tuple[str, ...], Sequence[int]]],
        labels: Sequence[str] = (),
    ) -> Metric:
        """Make a histogram without a sum, which the kernel does not count; a last bucket has no edge."""
        made = HistogramMetricFamily(f"sekisho_{name}", said, labels=("gate", *labels))
        les = [*(str(float(edge)) for edge in edges), "+Inf"]
        for values, counts in samples:
            whole = [*counts, *[0] * (len(les) - len(counts))]
            made.add_metric((self._gate, *values), list(zip(les, accumulate(whole), strict=True)), None)
        return made

    def _filled(self, made: GaugeMetricFamily | CounterMetricFamily, samples: _Samples) -> Metric:
        for values, value in samples:
            made.add_metric((self._gate, *values), value)
        return made


def _of_gate(make: _Families, status: Status) -> Iterator[Metric]:
    yield make.gauge("gate_attached", "1 where the gate is attached.", _one(status.attached))
    missing = len(status.missing_interfaces)
    yield make.gauge(
        "gate_missing_interfaces", "Interfaces of the configuration without the program.", _one(missing)
    )
    if status.config is not None:
        refused = status.config.refused is not None
        yield make.gauge("config_refused", "1 where the last reload was refused.", _one(refused))
    for field, (name, said) in TOTALS.items():
        yield make.counter(name, said, _one(status.totals.get(field, 0)))


def _of_classes(make: _Families, status: Status) -> Iterator[Metric]:
    def by_class(value: Callable[[ClassStatus], float]) -> _Samples:
        return [((name,), value(one)) for name, one in status.classes.items()]

    label = ("class",)
    sessions = by_class(lambda one: one.sessions)
    yield make.gauge("sessions", "Sessions that are open now.", sessions, label)
    enforced = by_class(lambda one: one.mode is Mode.ENFORCE)
    yield make.gauge("limit_enforced", "1 where the limit is enforced.", enforced, label)
    caps = by_class(lambda one: one.cap)
    yield make.gauge("limit_cap_sessions", "Sessions at once that a line may have.", caps, label)
    delays = by_class(lambda one: parse_ms(one.delay) / 1_000)
    yield make.gauge("limit_delay_seconds", "How long each session waits.", delays, label)


def _of_counters(make: _Families, counters: CountersValue) -> Iterator[Metric]:
    counted = [((name, arm), one) for name, arms in counters.classes.items() for arm, one in arms.items()]
    labels = ("class", "arm")
    for field, (name, said) in COUNTERS.items():
        yield make.counter(name, said, [(place, getattr(one, field)) for place, one in counted], labels)

    def buckets(of: Callable[[ClassCounters], Sequence[int]]) -> list[tuple[tuple[str, ...], Sequence[int]]]:
        return [(place, of(one)) for place, one in counted]

    concurrency = buckets(lambda one: one.concurrency)
    said = "Sessions that a line had at each admission, that one included."
    yield make.histogram("concurrent_sessions", said, CONCURRENCY_EDGES, concurrency, labels)
    length = buckets(lambda one: one.length)
    yield make.histogram(
        "session_length_seconds", "How long sessions lasted.", LENGTH_EDGES_SECONDS, length, labels
    )


def _of_hold(make: _Families, scrape: Scrape) -> Iterator[Metric]:
    hold = scrape.status.hold
    if hold is None:
        return
    yield make.gauge("hold_waiting", "First SYNs that wait in the hold's queues.", _one(hold.held))
    unheld = len(hold.unheld_delays)
    said = "Delays in force that no queue rule keeps, so that retransmission does."
    yield make.gauge("hold_unheld_delays", said, _one(unheld))
    for field, (name, what) in HOLD_COUNTERS.items():
        yield make.counter(name, what, _one(getattr(hold, field)))
    said = "How long after their time SYNs went on."
    yield make.histogram("hold_lateness_seconds", said, LATENESS_EDGES_SECONDS, [((), scrape.lateness)])


def _of_equipment(make: _Families, equipment: EquipmentCounts | None) -> Iterator[Metric]:
    if equipment is None:
        return
    for field, (name, said) in EQUIPMENT_SECONDS.items():
        yield make.counter(name, said, _one(getattr(equipment, field) / 1_000))
    for field, (name, said) in EQUIPMENT_PACKETS.items():
        yield make.counter(name, said, _one(getattr(equipment, field)))
    said = "The most SYNs that waited at once since the last minute that was read."
    yield make.gauge("hold_waiting_highest", said, _one(equipment.highest))


def _of_trial(make: _Families, status: Status) -> Iterator[Metric]:
    trial = status.trial
    if trial is None:
        return
    yield make.gauge("trial_running", "1 while the trial gives limits.", _one(trial.state is State.RUNNING))
    suspended = trial.state is State.SUSPENDED
    yield make.gauge("trial_suspended", "1 while the trial is suspended.", _one(suspended))
    blocks = InfoMetricFamily(
        "sekisho_trial_block", "The block of the plan that a class is in.", labels=("gate", "class")
    )
    for name, one in status.classes.items():
        if one.block is not None:
            phase = "" if one.block.phase is None else str(one.block.phase)
            blocks.add_metric((status.name, name), {"block": str(one.block.arm), "phase": phase})
    yield blocks


def _of_lines(make: _Families, scrape: Scrape) -> Iterator[Metric]:
    if scrape.minutes_waiting is not None:
        said = "Readings of the counters that are not in the store yet."
        yield make.gauge("readings_waiting", said, _one(scrape.minutes_waiting))
    if scrape.letters_given_up is not None:
        given_up = [((kind,), count) for kind, count in scrape.letters_given_up.items()]
        said = "Alerts and notices that reached nobody and are tried no more, since the daemon started."
        yield make.counter("letters_given_up", said, given_up, ("kind",))
    if (lines := scrape.lines) is None:
        return
    yield make.gauge("store_up", "1 where the store answers.", _one(lines.store == "ok"))
    said = "1 where the gate has all lists and lines."
    yield make.gauge("lines_whole", said, _one(lines.gate_is_whole))
    waiting = lines.counts.get("intake", {}).get(_WAITING)
    for name, what, value in (
        ("lines", "Lines that are known.", lines.lines),
        ("addresses_held", "Addresses and prefixes that lines hold.", lines.addresses_held),
        ("reliefs", "Lines that are released from their limits.", lines.reliefs),
        (
            "journal_waiting",
            "Events that wait to become leases.",
            waiting,
        ),
    ):
        if value is not None:
            yield make.gauge(name, what, _one(value))
    events = [
        ((source, str(outcome)), count)
        for source, outcomes in lines.counts.items()
        for outcome, count in outcomes.items()
        if outcome != _WAITING
    ]
    said = "What sources said of leases, by what became of it, since the daemon started."
    yield make.counter("lease_events", said, events, ("source", "outcome"))


def _of_desk(make: _Families, desk: Workload | None) -> Iterator[Metric]:
    if desk is None:
        return
    yield make.gauge("desk_reports_unread", "Reports that no program has read yet.", _one(desk.unread))
    queued = [((why,), float(count)) for why, count in desk.queued.items()]
    yield make.gauge("desk_reports_queued", "Reports that people have to look at, by why.", queued, ("why",))
    yield make.gauge("desk_proposals", "Suspensions that wait for approval.", _one(desk.proposals))
    said = "Open cases that people have to look at, beside those: `desk cases` tells why."
    yield make.gauge("desk_cases_marked", said, _one(desk.marked))
    progresses = [(kind, progress) for kind in Kind for progress in sorted(UNCONFIRMED)]
    counted = [
        ((str(kind), str(at)), float(_number(desk.actions.get((kind, at))))) for kind, at in progresses
    ]
    labels = ("kind", "progress")
    said = "What is asked of gates and NASes and not seen to hold; what is refused waits for people."
    yield make.gauge("desk_actions", said, counted, labels)
    since = [((str(kind), str(at)), one.since.timestamp()) for (kind, at), one in desk.actions.items()]
    yield make.gauge(
        "desk_actions_since_timestamp_seconds", "When the oldest of them was asked for.", since, labels
    )
    said = "Notices to customers, and thanks to reporters, that are not sent yet."
    yield make.gauge("desk_notices_waiting", said, _one(_number(desk.notices)))
    oldest = [] if desk.notices is None else _one(desk.notices.since.timestamp())
    yield make.gauge("desk_notices_since_timestamp_seconds", "When the oldest of them was written.", oldest)
    ignored = [((str(one),), float(desk.ignored.get(one, 0))) for one in (Weight.DOUBTED, Weight.TOO_MANY)]
    said = "Parties of which reports of the last hour counted for nothing: doubted, or too many in an hour."
    yield make.gauge("desk_parties_ignored", said, ignored, ("weight",))


def _number(waiting: Waiting | None) -> int:
    return 0 if waiting is None else waiting.number


def _one(value: float) -> _Samples:
    return [((), float(value))]
