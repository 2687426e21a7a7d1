"""What must hold of the sources of leases beside RADIUS."""

from __future__ import annotations

from collections.abc import Iterator

from sekisho.config.draft import Draft
from sekisho.config.problems import Finding
from sekisho.config.radius import check_naming


def check_sources(draft: Draft) -> Iterator[Finding]:
    """Tell what is wrong between the values of [kea] and of [radacct]."""
    if draft.kea is not None:
        yield from check_naming("kea", draft.kea.line)
    if draft.radacct is not None:
        yield from check_naming("radacct", draft.radacct.line)
        if (draft.radacct.url is None) == (draft.radacct.url_file is None):
            what = "neither says" if draft.radacct.url is None else "both say"
            yield Finding(
                ("radacct", "url"),
                f"`url` and `url_file`: {what} where the database is",
                "write one of them; a url with a password belongs into the file",
            )
