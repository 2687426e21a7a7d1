"""Notices of the desk as mail: a subject and a text, from templates of this package or the operator's own.

A template begins with a line `Subject: …`; the text follows after an empty line. What it can say is `told`
(`sekisho.desk.notices.Told`), `provider`, `contact`, and `voice` for moments, durations and numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from jinja2 import FunctionLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sekisho.desk.notices import Mail, Told
from sekisho.pages.templating import templates
from sekisho.pages.voice import Language, Voice

_SUBJECT = "Subject: "
_BETWEEN = "\n" + "-" * 72 + "\n\n"


@dataclass(frozen=True, slots=True)
class Own:
    """A template of the operator's: its text, and the file that it came from."""

    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """What a language needs beside a case: who writes, and where to turn."""

    provider: str
    contact: str


@dataclass(frozen=True, slots=True)
class Written:
    """A mail's subject, in one line, and its text."""

    subject: str
    text: str


class TemplateFault(Exception):  # noqa: N818 - it is the operator's template that is at fault
    """What is wrong with a template, beginning with its file and line."""


def file_name(mail: Mail, language: Language) -> str:
    """Return the name of the file in which an operator writes a template."""
    return f"{mail}.{language}.j2"


def write(told: Told, words: Mapping[Language, Words], zone: ZoneInfo, own: Mapping[str, Own]) -> Written:
    """Write a notice in each language of `words`, in their order; `own`: templates by the file's name.

    Raises TemplateFault.
    """
    parts = [_write(told, language, one, zone, own) for language, one in words.items()]
    return Written(" / ".join(one.subject for one in parts), _BETWEEN.join(one.text for one in parts))


def _write(told: Told, language: Language, words: Words, zone: ZoneInfo, own: Mapping[str, Own]) -> Written:
    name = file_name(told.mail, language)
    file = own[name].file if name in own else name
    values = {
        "told": told,
        "provider": words.provider,
        "contact": words.contact,
        "voice": Voice(language, zone),
    }
    try:
        text = _environment(own).get_template(name).render(values)
    except TemplateSyntaxError as error:
        raise TemplateFault(f"{file}:{error.lineno}: {error.message}") from error
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise TemplateFault(f"{file}:{_line(error, file)}: {error}") from error
    return _parted(text, file)


def _environment(own: Mapping[str, Own]) -> ImmutableSandboxedEnvironment:
    shipped = templates().loader

    def load(name: str) -> tuple[str, str, None] | None:
        if name in own:
            return own[name].text, own[name].file, None
        if shipped is None:
            return None
        text, _, _ = shipped.get_source(templates(), f"desk-{name}")
        return text, name, None

    return ImmutableSandboxedEnvironment(
        loader=FunctionLoader(load),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _parted(text: str, file: str) -> Written:
    head, _, body = text.lstrip().partition("\n")
    subject = " ".join(head.removeprefix(_SUBJECT).split())
    if not head.startswith(_SUBJECT) or not subject or not subject.isprintable():
        raise TemplateFault(f'{file}:1: it begins with a line "Subject: …", which can be printed')
    body = re.sub(r"\n{3,}", "\n\n", body).strip()
    if not body:
        raise TemplateFault(f"{file}:1: after the subject there is no text")
    return Written(subject, body + "\n")


def _line(error: BaseException, file: str) -> int:
    """Return the line of a template that an error came from."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def ordered(languages: Sequence[Language], wanted: Language | None) -> tuple[Language, ...]:
    """Return the languages of a notice: the line's, or all there are where it is not known or not there."""
    return (wanted,) if wanted in languages and wanted is not None else tuple(languages)
