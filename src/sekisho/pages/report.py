"""The report of a trial in sections, which a page and a terminal show alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from zoneinfo import ZoneInfo

from markupsafe import Markup

from sekisho.model import Limit, Mode
from sekisho.pages.charts import Interval, intervals, shares
from sekisho.pages.report_blocklist import blocklist
from sekisho.pages.report_desk import desk
from sekisho.pages.report_harm import happened, harm
from sekisho.pages.report_telling import Rows, Section, Teller
from sekisho.pages.templating import page, templates
from sekisho.pages.voice import Language, Voice
from sekisho.trial.estimate import Estimate
from sekisho.trial.estimate_observed import Step
from sekisho.trial.protocol import OF_EQUIPMENT
from sekisho.trial.report_values import (
    Because,
    Effect,
    Experiment,
    GateCoverage,
    NotKnown,
    Report,
)
from sekisho.trial.told import decimals

_LARGE = 1_000  # from here on a number is told in full
_DIGITS = 12  # of a digest in a table
_LEVEL = 0.05  # of a p-value


def report_page(report: Report, language: Language) -> str:
    """Return the report as one page of HTML, without anything from elsewhere."""
    title, first, sections = report_sections(report, language)
    template = templates().get_template("report.html.j2")
    body = Markup(template.render(title=title, first=first, sections=sections))  # noqa: S704 - escaped there
    return page(body, str(language), title)


def report_sections(report: Report, language: Language) -> tuple[str, tuple[str, ...], tuple[Section, ...]]:
    """Return title, first lines and sections; harm stands beside benefit."""
    tell = _Teller(report, language, Voice(language, ZoneInfo(report.zone)))
    first = (
        tell.say("span", span=tell.voice.span(report.span), zone=report.zone),
        tell.say("made", at=tell.voice.moment(report.made_at), program=report.program),
        tell.say("policy", digest=report.policy),
    )
    sections = (
        tell.registration(),
        tell.effect(),
        harm(tell),
        tell.equipment(),
        *tell.phases(),
        happened(tell),
        tell.coverage(),
        *tell.units(),
        tell.published(),
        *desk(tell),
        *blocklist(tell),
        tell.limits(),
    )
    return tell.say("title", name=report.name), first, sections


class _Teller(Teller):
    def registration(self) -> Section:
        found = self.report.registration
        warned: tuple[str, ...] = ()
        if found.no_p is not None:
            warned = (self.say("no_p", why=self.say(str(found.no_p))),)
        said = [self.say("digest", digest=found.digest)]
        if found.no_p is None:
            said.append(self.say("registered"))
        if len(found.versions) > 1:
            warned += (self.say("changed", count=len(found.versions)),)
        rows = tuple(
            (
                str(one.number),
                self.voice.moment(one.registered_at),
                one.digest[:_DIGITS],
                self.say("yes" if one.registered_at > self.report.span.begin else "no"),
            )
            for one in found.versions
        )
        columns = self.heads("version", "registered_at", "sha", "late")
        return Section(self.say("registration"), warned, tuple(said), rows=Rows(columns, rows))

    def effect(self) -> Section:
        found = self.report.experiments
        title = self.say("effect")
        if isinstance(found, NotKnown):
            return Section(title, (self.why(found),))
        has_p = self.report.registration.no_p is None
        columns = ("class", "outcome", "change", "interval", *(("p",) if has_p else ()))
        heads = self.heads(*columns, "pairs", "carry_over", "placebo")
        rows = tuple(self._experiment(one, has_p=has_p) for one in found)
        known = [
            Interval(f"{self._whose(one)}: {self.say(str(one.outcome))}", *_ends(one.effect))
            for one in found
            if isinstance(one.effect, Estimate)
        ]
        chart = intervals(known, self.say("chart_effect")) if known else None
        said = (*self._answer(found), *self._many(found), *self._checks(found), self.say("chart_effect"))
        return Section(title, (*self._alarms(found), *self._absent(found)), said, chart, Rows(heads, rows))

    def _answer(self, found: Sequence[Experiment]) -> Iterator[str]:
        """Say in a sentence what the primary outcome has come to."""
        for one in found:
            if one.is_primary and isinstance(effect := one.effect, Estimate):
                places = decimals(one.outcome)
                yield self.say(
                    "answer" if _leaves_out_zero(effect) else "answer_none",
                    whose=self._whose(one),
                    outcome=self.say(str(one.outcome)),
                    change=_percent(effect.change_percent, places),
                    interval=_interval(effect, places),
                )

    def _checks(self, found: Sequence[Experiment]) -> Iterator[str]:
        if any(isinstance(check, Estimate) for one in found for check in (one.carry_over, one.placebo)):
            yield from map(self.say, ("alike", "checks_said", "carry_weak"))
        if any(one.in_block for one in self.report.happened.suspensions):
            yield self.say("planned", planned=self.report.planned_pairs)

    def _many(self, found: Sequence[Experiment]) -> Iterator[str]:
        """Say what the p-values beside one are worth."""
        tested = [one for one in found if isinstance(one.effect, Estimate) and one.effect.p is not None]
        primary = sum(one.is_primary for one in tested)
        others = len(tested) - primary
        if primary > 1:
            yield self.say("confirmatory_each", count=primary, percent=_by_chance(primary))
            yield self.say("one_lot")
        elif others:
            yield self.say("confirmatory")
        if others:
            yield self.say("by_chance", count=others, percent=_by_chance(others))

    def _experiment(self, one: Experiment, *, has_p: bool) -> tuple[str, ...]:
        name = self.say(str(one.outcome))
        outcome = self.say("primary", outcome=name) if one.is_primary else name
        effect = one.effect
        checks = tuple(
            "" if check == effect else self._check(check, decimals(one.outcome))
            for check in (one.carry_over, one.placebo)
        )
        if isinstance(effect, NotKnown):
            return self._whose(one), outcome, self.why(effect), "", *(("",) if has_p else ()), "", *checks
        p = () if not has_p else ("" if effect.p is None else _written_p(effect.p),)
        pairs = f"{effect.pairs} ({effect.left_out})"
        places = decimals(one.outcome)
        change, interval = _percent(effect.change_percent, places), _interval(effect, places)
        return self._whose(one), outcome, change, interval, *p, pairs, *checks

    def _whose(self, one: Experiment) -> str:
        if one.class_name is not None:
            return one.class_name
        return self.say("gates" if one.outcome in OF_EQUIPMENT else "all_classes")

    def _check(self, one: Effect, places: int) -> str:
        return self.why(one) if isinstance(one, NotKnown) else _interval(one, places)

    def _alarms(self, found: Sequence[Experiment]) -> Iterator[str]:
        for key, alarmed in (
            ("carry_alarm", [one for one in found if _leaves_out_zero(one.carry_over)]),
            ("placebo_alarm", [one for one in found if _leaves_out_zero(one.placebo)]),
        ):
            if alarmed:
                names = [f"{self._whose(one)}/{self.say(str(one.outcome))}" for one in alarmed]
                yield self.say(key, names=self.voice.listed(names))

    def _absent(self, found: Sequence[Experiment]) -> Iterator[str]:
        """Say which units are not in the primary answer, though they drew lots."""
        for one in found:
            absent = [unit.unit for unit in one.units if not unit.pairs]
            if one.is_primary and absent:
                yield self.say("absent", whose=self._whose(one), names=self.voice.listed(absent))

    def equipment(self) -> Section:
        title, found = self.say("equipment"), self.report.equipment
        if not found:
            return Section(title, (self.why(NotKnown(Because.NOT_COUNTED)),))
        rows = tuple(
            (
                self.say(one.what),
                self._number(one.limited),
                self._number(one.free),
                *self._change(one.effect),
            )
            for one in found
        )
        heads = self.heads("what", "limit_on", "limit_off", "change", "interval")
        return Section(title, said=(self.say("equipment_said"),), rows=Rows(heads, rows))

    def _change(self, effect: Effect) -> tuple[str, str]:
        if isinstance(effect, Estimate):
            return _percent(effect.change_percent), _interval(effect)
        is_asked = effect.because is not Because.NOT_TESTED
        return self.why(effect) if is_asked else self.say(str(effect.because)), ""

    def _number(self, one: float | NotKnown) -> str:
        return (
            self.why(one) if isinstance(one, NotKnown) else f"{one:,.3g}" if one < _LARGE else f"{one:,.0f}"
        )

    def phases(self) -> Iterator[Section]:
        if not self.report.observed:
            return
        rows: list[tuple[str, ...]] = []
        for one in self.report.observed:
            head = one.class_name, self.say(str(one.outcome))
            if isinstance(one.steps, NotKnown):
                rows.append((*head, "", self.why(one.steps), "", "", ""))
                continue
            compared = one.comparison or self.say("no")
            rows += (
                (
                    *head,
                    self._limit(step.limit),
                    _percent(step.change_percent, decimals(one.outcome)),
                    _interval(step, decimals(one.outcome)),
                    str(step.cells),
                    compared,
                )
                for step in one.steps
            )
        heads = self.heads("class", "outcome", "limit", "change", "interval", "hours", "compared")
        has_comparison = any(one.comparison is not None for one in self.report.observed)
        keys = ("observed_said", *(("observed_assumes",) if has_comparison else ()), "observed_narrow")
        said = tuple(map(self.say, keys))
        yield Section(self.say("observed"), said=said, rows=Rows(heads, tuple(rows)))

    def _limit(self, limit: Limit) -> str:
        if limit.mode is Mode.OBSERVE:
            return self.say("unlimited")
        return self.say("limited", cap=limit.cap, delay=self.voice.duration(limit.delay_ms))

    def coverage(self) -> Section:
        found = self.report.coverage
        silent = (
            *(
                self.say("gate_silent", gate=one.gate)
                for one in found.gates
                if one.expected and not one.covered and not one.otherwise
            ),
            *(self.say("gate_unplanned", gate=one.gate) for one in found.gates if not one.planned),
        )
        said = (self.say("blocks", blocks=found.blocks, missing=found.missing), self.say("chart_days"))
        rows = tuple(self._gate(one) for one in found.gates)
        heads = self.heads("gate", "read", "silent", "otherwise", "doubts")
        chart = shares(found.days, self.say("chart_days")) if found.days else None
        return Section(self.say("coverage"), silent, said, chart, Rows(heads, rows))

    def units(self) -> Iterator[Section]:
        found = self.report.experiments
        rows = tuple(
            (self._whose(one), unit.unit, str(unit.pairs), str(unit.left_out))
            for one in (() if isinstance(found, NotKnown) else found)
            for unit in one.units
            if one.is_primary
        )
        if rows:
            heads = self.heads("class", "unit", "compared_pairs", "left_out")
            yield Section(self.say("units"), said=(self.say("units_said"),), rows=Rows(heads, rows))

    def _gate(self, one: GateCoverage) -> tuple[str, ...]:
        share = 100 * one.covered / one.expected if one.expected else 0.0
        doubts = [f"{self.say(key)} {count}" for key, count in (*one.doubtful.items(), *one.marks.items())]
        read = f"{self.voice.number(share)} %"
        return one.gate, read, str(one.silent_hours), str(one.otherwise), self.voice.listed(doubts)

    def published(self) -> Section:
        found = self.report.published
        title = self.say("published")
        if found.because is not None:
            return Section(title, (self.why(NotKnown(found.because)),))
        shown = len(found.cells) - found.suppressed
        said = self.say("published_said", shown=shown, suppressed=found.suppressed, refused=found.refused)
        rows = tuple(
            (
                self.voice.day(one.begin),
                one.class_name,
                self.say("all" if one.cap is None else f"cap_{one.cap}"),
                self.say("suppressed_cell") if one.count is None else self.voice.number(one.count),
            )
            for one in found.cells
        )
        differing = (self.say("differing", count=found.differing),) if found.differing else ()
        heads = self.heads("week", "class", "cap", "count")
        return Section(title, differing, (self.say("line_hours"), said), rows=Rows(heads, rows))

    def limits(self) -> Section:
        block = self.report.block_ms
        adapts = () if block is None else (self.say("adapts", block=self.voice.duration(block)),)
        unlisted = (self.say("no_blocklist"),) if self.report.blocklist is None else ()
        said = self.say("moves"), *adapts, self.say("not_there"), self.say("apart"), *unlisted
        return Section(self.say("limits"), said=said)


def _percent(value: float, places: int = 1) -> str:
    return f"{value:+.{places}f}\u00a0%" if isfinite(value) else "∞"


def _interval(one: Estimate | Step, places: int = 1) -> str:
    ends = (f"{end:+.{places}f}" if isfinite(end) else "∞" for end in (one.low_percent, one.high_percent))
    return f"{' … '.join(ends)}\u00a0%"


def _written_p(p: float) -> str:
    """Write a p-value as people read it: the smallest there can be is above a millionth."""
    return f"{p:.6f}".rstrip("0").rstrip(".")


def _by_chance(tests: int) -> int:
    """Return in how many trials of 100 one of so many p-values is below 0.05 without any effect."""
    return round(100 * (1 - (1 - _LEVEL) ** tests))


def _ends(effect: Estimate) -> tuple[float, float, float]:
    return effect.low_percent, effect.change_percent, effect.high_percent


def _leaves_out_zero(effect: Effect) -> bool:
    return isinstance(effect, Estimate) and not effect.low_percent <= 0 <= effect.high_percent
