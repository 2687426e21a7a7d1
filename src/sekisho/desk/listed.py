"""Whether a line is still its customer's, by what another list says of it.

A name alone tells nothing: it is given anew. A customer may change the mail address, and a provider the
addresses; who has neither any more is another.
"""

from __future__ import annotations

from enum import StrEnum


class Became(StrEnum):
    """What a list makes of a line, in words for people."""

    OFF = "it is off the list"
    ANOTHER = "neither its contact nor any of its addresses stays"
    CONTACT = "its contact is another"
    ADDRESSES = "none of its addresses stays"
    UNLISTED = "it is off the list, and accounting tells of it"

    @property
    def is_gone(self) -> bool:
        """Tell whether the line is its customer's no more; else that is in doubt."""
        return self in (Became.OFF, Became.ANOTHER)

    @property
    def has_contact(self) -> bool:
        """Tell whether its contact is that of before."""
        return self is Became.ADDRESSES


def became(*, was: str, contact: str | None, has_held: bool, stays: bool) -> Became | None:
    """Tell what a line becomes; None: what it was.

    `was`, `contact`: its contact before and by the new list, "" where it has none; None: it is off the list.
    `has_held`: it has held addresses; `stays`: it goes on to hold one of them.
    """
    if contact is None:
        return Became.UNLISTED if stays else Became.OFF
    has_moved = has_held and not stays
    is_other = bool(was) and contact.casefold() != was.casefold()
    if is_other:
        return Became.ANOTHER if has_moved else Became.CONTACT
    return Became.ADDRESSES if has_moved else None
