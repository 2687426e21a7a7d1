"""Lines: their numbers and names, and what a static list says of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from sqlalchemy import func, select

from sekisho.lines.numbers import following, own_number
from sekisho.lines.records import ListedLine
from sekisho.store.door import Door
from sekisho.store.many import Query
from sekisho.store.moments import from_us, to_us
from sekisho.store.schema import line, line_turn

_TOLD = ListedLine._fields.index("contact")
_CHUNK = 10_000  # rows that a stream reads ahead
_BY_NAME = Query(line.c.name, select(line.c.name, line.c.number))
_BY_NUMBER = Query(line.c.number, select(line.c.number, line.c.name))
_CLASS = Query(line.c.number, select(line.c.number, line.c.class_name).where(line.c.class_name.is_not(None)))
_LISTED = select(
    *(line.c.number, line.c.name, line.c.class_name, line.c.fixed),
    *(func.coalesce(one, "") for one in (line.c.contact, line.c.language)),
)


class Lines(Door):
    """Lines in a transaction."""

    def number_lines(self, names: Collection[str]) -> dict[str, int]:
        """Return the numbers of lines; those that have none get one.

        Each keeps it as long as anything is kept of the line. What is written of new ones is written in this
        transaction: of a line with nothing but a name the name is forgotten.
        """
        wanted = set(names)
        numbers: dict[str, int] = dict(self._many.find(_BY_NAME, wanted))
        missing = sorted(wanted - numbers.keys())
        if missing:
            given = self._free_numbers(missing)
            self._many.put(line, [(number, name, None, False, None, None) for name, number in given.items()])
            numbers |= given
        return numbers

    def known_numbers(self, names: Iterable[str]) -> dict[str, int]:
        """Return the numbers of lines that have one."""
        return dict(self._many.find(_BY_NAME, names))

    def line_number(self, name: str) -> int | None:
        """Return the number of a line, None where it was never heard of."""
        return next((number for _, number in self._many.find(_BY_NAME, [name])), None)

    def line_names(self, numbers: Iterable[int]) -> dict[int, str]:
        """Return the names of lines."""
        return dict(self._many.find(_BY_NUMBER, numbers))

    def set_lines(self, lines: Iterable[ListedLine]) -> None:
        """Write what a static list says of lines that have numbers."""
        rows = [(*one[:_TOLD], one.contact or None, one.language or None) for one in lines]
        self._many.put(line, rows)

    def listed_lines(self) -> Iterator[ListedLine]:
        """Yield the lines of which a static list says something."""
        listed = _LISTED.where(line.c.class_name.is_not(None) | line.c.fixed)
        with self._connection.execute(listed.execution_options(yield_per=_CHUNK)) as rows:
            for row in rows:
                yield ListedLine(*row)

    def listed_line(self, number: int) -> ListedLine | None:
        """Return what a static list says of one line, None where there is no such line."""
        row = self._connection.execute(_LISTED.where(line.c.number == number)).one_or_none()
        return None if row is None else ListedLine(*row)

    def put_turns(self, numbers: Collection[int], at: datetime) -> None:
        """Write since when lines may be another customer's than before."""
        self._many.put(line_turn, [(number, to_us(at)) for number in numbers])

    def turned(self, number: int) -> datetime | None:
        """Return since when a line is its customer's, None where no list says that it was another's."""
        at = self._connection.scalar(select(line_turn.c.at).where(line_turn.c.number == number))
        return None if at is None else from_us(at)

    def listed_classes(self, numbers: Iterable[int]) -> dict[int, str]:
        """Return the classes that a static list gives to lines, as far as it does."""
        return dict(self._many.find(_CLASS, numbers))

    def _free_numbers(self, names: Iterable[str]) -> dict[str, int]:
        waiting = {name: own_number(name) for name in names}
        given: dict[str, int] = {}
        while waiting:
            taken = {number for number, _ in self._many.find(_BY_NUMBER, set(waiting.values()))}
            taken |= set(given.values())
            again: dict[str, int] = {}
            for name, number in waiting.items():
                if number in taken:
                    again[name] = following(number)
                else:
                    given[name] = number
                    taken.add(number)
            waiting = again
        return given
