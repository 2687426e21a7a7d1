"""Puts notices of the desk into the outbox, in the transaction of what they tell of: none lost or twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from sekisho.config import Config
from sekisho.config.desk_notices import NoticesTable
from sekisho.config.desk_plan import policies_of
from sekisho.daemon.desk_templates import read_templates, words_of
from sekisho.desk.case_values import Case, Decision, Event, Evidence
from sekisho.desk.notices import (
    OF_LINES,
    Mail,
    Told,
    acknowledgement_id,
    letter_id,
    relief_id,
    told,
)
from sekisho.desk.policy import Policy
from sekisho.desk.report import Answerable
from sekisho.lines.records import ListedLine
from sekisho.outbox import mail
from sekisho.pages.desk_notice import Own, TemplateFault, Written, ordered, write
from sekisho.pages.voice import Language
from sekisho.store import Transaction

log = structlog.get_logger()


class Notices:
    """Writes what is told, as the configuration in force says; its templates are in `directory`."""

    def __init__(self, config: Callable[[], Config], directory: Path) -> None:
        self._config, self._directory = config, directory

    def decided(
        self,
        transaction: Transaction,
        before: Case,
        event: Event,
        decision: Decision,
        evidence: Evidence,
        now: datetime,
    ) -> str | None:
        """Put what a decision says to the line's customer into the outbox; return why nobody is, if so."""
        config = self._config()
        names = transaction.line_names([before.line])
        policy = policies_of(config).get(before.class_name, Policy())
        name = names.get(before.line, "")
        why_nobody = None
        for one in told(before, event, decision, now, policy, line=name, evidence=evidence):
            letter = letter_id(config.gate.name, decision.case, one.mail)
            why = _WHY_DOUBTED if before.is_doubted else _WHY_NOBODY
            if before.is_doubted or not self._put(transaction, before.line, letter, one, now):
                why_nobody = why
                log.warning("nobody is told", case=before.number, notice=str(one.mail), why=why)
        return why_nobody

    def relieved(self, transaction: Transaction, line: ListedLine, until: datetime, now: datetime) -> None:
        """Put into the outbox that a line is released from its limit, where there is somebody to be told."""
        one = Told(Mail.RELIEF, now, line.name, until=until)
        letter = relief_id(self._config().gate.name, line.number, now)
        self._put(transaction, line.number, letter, one, now)

    def received(self, transaction: Transaction, number: int, one: Answerable, now: datetime) -> None:
        """Thank whoever has sent a report, where that is wanted."""
        config = self._config()
        if config.desk is None or config.desk.notices is None or not config.desk.notices.acknowledge:
            return
        told_ = Told(Mail.ACKNOWLEDGEMENT, now, number=number)
        written = self._written(config.desk.notices, told_, None)
        letter = acknowledgement_id(config.gate.name, number, now)
        sender = config.desk.sender
        sent = mail(letter, one.to, *_parts(written), now, sender=sender, answers=one.message_id)
        transaction.put_letters(config.gate.name, [sent])

    def _put(self, transaction: Transaction, line: int, letter: str, one: Told, now: datetime) -> bool:
        """Put a notice into the outbox; tell whether there is somebody to be told, and in some language."""
        config = self._config()
        desk = config.desk
        listed = transaction.listed_line(line)
        if desk is None or desk.notices is None or listed is None or not listed.contact:
            return False
        language = Language(listed.language) if listed.language else None
        written = self._written(desk.notices, one, language)
        thread = f"{OF_LINES}{line}"
        sent = mail(letter, listed.contact, *_parts(written), now, sender=desk.sender, thread=thread)
        transaction.put_letters(config.gate.name, [sent])
        return True

    def _written(self, notices: NoticesTable, one: Told, language: Language | None) -> Written:
        """Write a notice; a template that is at fault gives way to the shipped one, so that none is lost."""
        words = words_of(notices)
        some = {key: words[key] for key in ordered(tuple(words), language)}
        zone = ZoneInfo(notices.zone)
        try:
            return write(one, some, zone, self._own(notices))
        except TemplateFault as error:
            log.error("the shipped template is taken instead", why=str(error))  # noqa: TRY400 - it says it all
            return write(one, some, zone, {})

    def _own(self, notices: NoticesTable) -> Mapping[str, Own]:
        try:
            return read_templates(notices, self._directory)
        except (OSError, ValueError) as error:
            log.error("the shipped templates are taken instead", why=str(error))  # noqa: TRY400 - it says it all
            return {}


_WHY_DOUBTED = "its line may be another customer's, which nobody has confirmed: tell the customer yourself"
_WHY_NOBODY = "the list of lines has no contact, or there is no [desk.notices]: tell the customer yourself"


def _parts(written: Written) -> tuple[str, str]:
    return written.subject, written.text
