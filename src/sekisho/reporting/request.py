"""What the process that makes a report is asked, and how it answers.

The daemon loads this and nothing of what the report is made by.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sekisho.config import Config
from sekisho.pages.voice import Language
from sekisho.reporting.recorded import Recording

STORE_AWAY: Final = 3
"""Its exit status where the answer is no report but a sentence that says why the store cannot be read."""


class Request(NamedTuple):
    """The report of the trial of a configuration, as a page in a language, or as JSON."""

    config: Config
    recording: Recording
    page: Language | None
