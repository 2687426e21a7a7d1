"""Notices of the desk about nobody: to look at, before a customer gets one."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from sekisho.cli.common import fail
from sekisho.config import Config
from sekisho.config.desk_plan import policies_of
from sekisho.daemon.desk_templates import SOME_TIME, read_templates, words_of
from sekisho.desk.notices import Mail, made_up
from sekisho.desk.policy import Policy
from sekisho.pages.desk_notice import TemplateFault, ordered, write
from sekisho.pages.voice import Language


def made_up_mail(config: Config, file: Path, notice: str, lang: str | None) -> dict[str, str]:
    """Return sender, subject and text of a notice, with made-up values.

    `lang`: None: all languages there are. Raises typer.Exit where the configuration, read from `file`, has no
    such notice.
    """
    desk = config.desk
    if desk is None or desk.notices is None:
        way_out = "add [desk.notices.ja] or [desk.notices.en] (docs/desk-notices.md)"
        raise fail(f"{file} does not say who writes to customers: {way_out}")
    if notice not in tuple(Mail):
        raise fail(f'there is no notice "{notice}" (known: {", ".join(Mail)})')
    words = words_of(desk.notices)
    if lang is not None and lang not in words:
        raise fail(f"{file} has no [desk.notices.{lang}]: add it, with `provider` and `contact`")
    policy = next(iter(policies_of(config).values()), Policy())
    told = next(one for one in made_up(SOME_TIME, policy.own_limit) if one.mail == notice)
    some = {key: words[key] for key in ordered(tuple(words), None if lang is None else Language(lang))}
    try:
        written = write(told, some, ZoneInfo(desk.notices.zone), read_templates(desk.notices, file.parent))
    except (TemplateFault, OSError, ValueError) as error:
        raise fail(error) from error
    return {"from": desk.sender, "subject": written.subject, "text": written.text}
