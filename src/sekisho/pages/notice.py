"""The announcement of a trial, for its customers: as text, and as a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from sekisho.pages.templating import markdown_page, templates
from sekisho.pages.voice import Language, Voice
from sekisho.trial.notice import Notice

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class NoticeWords:
    """What a language needs beside the plan; `classes`: what customers call them."""

    provider: str
    contact: str
    classes: Mapping[str, str] = field(default_factory=dict)


def notice_text(notice: Notice, words: NoticeWords, language: Language) -> str:
    """Return the announcement in Markdown, which reads as text too."""

    def called(name: str) -> str:
        return words.classes.get(name, name)

    voice = Voice(language, ZoneInfo(notice.zone))
    template = templates().get_template(f"notice.{language}.j2")
    text = template.render(
        notice=notice,
        words=words,
        voice=voice,
        ms=_MS,
        called=called,
        called_all=lambda names: [called(name) for name in names],
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def notice_page(notice: Notice, words: NoticeWords, language: Language) -> str:
    """Return the announcement as one page of HTML."""
    text = notice_text(notice, words, language)
    return markdown_page(text, str(language), text.partition("\n")[0].lstrip("# "))
