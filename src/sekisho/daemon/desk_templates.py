"""Reads the templates of notices that an operator has written, and tries each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sekisho.config import Finding
from sekisho.config.desk_notices import NoticesTable
from sekisho.desk.notices import Mail, made_up
from sekisho.desk.policy import Policy
from sekisho.pages.desk_notice import Own, TemplateFault, Words, file_name, write
from sekisho.pages.voice import Language

_LARGEST = 1 << 16  # bytes; a notice is a page or two
_KEY = ("desk", "notices", "templates")
SOME_TIME = datetime(2026, 4, 1, tzinfo=UTC)  # of made-up values


def words_of(notices: NoticesTable) -> Mapping[Language, Words]:
    """Return what each language needs, in the order in which they stand in a mail."""
    return {Language(name): Words(words.provider, words.contact) for name, words in notices.words.items()}


def read_templates(notices: NoticesTable, directory: Path) -> Mapping[str, Own]:
    """Return an operator's templates by the names of their files. Raises OSError, ValueError."""
    if notices.templates is None:
        return {}
    place = directory / notices.templates
    found = {file.name: file for file in place.iterdir() if file.suffix == ".j2"}
    return {name: Own(str(file), _text(file)) for name, file in sorted(found.items())}


def check_templates(notices: NoticesTable, directory: Path) -> Iterator[Finding]:
    """Tell all that is wrong with an operator's templates, each by its file and line."""
    try:
        own = read_templates(notices, directory)
    except (OSError, ValueError) as error:
        what = f"{directory / str(notices.templates)} cannot be read: {error}"
        yield Finding(_KEY, what, "name a directory with templates, or take `templates` out")
        return
    known = {file_name(mail, language) for mail in Mail for language in Language}
    for name in own.keys() - known:
        yield Finding(
            _KEY, f"{own[name].file}:1: no notice has this name", f"known: {', '.join(sorted(known))}"
        )
    for told in made_up(SOME_TIME, Policy().own_limit):
        for language, words in words_of(notices).items():
            try:
                write(told, {language: words}, ZoneInfo(notices.zone), own)
            except TemplateFault as error:
                way_out = "mend it, or take the file away: then the shipped one is taken"
                yield Finding(_KEY, str(error), way_out)


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        content = opened.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"{file.name} has more than {_LARGEST:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file.name} is not UTF-8") from error
