"""The rows of a static list, in CSV or TOML; what cannot be read of it is told, and the rest read.

line,class,addresses,fixed,contact,language                              [[line]]
office-17,fixed,192.0.2.7 2001:db8:17::/48,yes,office@example.net,ja      name = "office-17" …
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO, TextIOWrapper
from typing import NamedTuple

from pydantic import StrictBool
from pydantic_core import PydanticCustomError

from sekisho.config import Finding, Held
from sekisho.config.contact import read_contact, read_language
from sekisho.config.explain import unknown_key
from sekisho.config.problems import Path
from sekisho.config.reader import Reader
from sekisho.config.schema import LineTable
from sekisho.config.text import decode, read_toml
from sekisho.config.values import HeldField, read_held, words
from sekisho.lines.quick import read_quickly
from sekisho.model import Address

MOST_TOLD = 1_000  # findings of one list; nobody reads more

_COLUMNS = ("line", "class", "addresses", "fixed", "contact", "language")
_NEEDED = _COLUMNS[:3]
_FIXED = {"": False, "no": False, "false": False, "yes": True, "true": True}
_Header = Mapping[str, int]


class Portion(NamedTuple):
    """What a line holds: an address or a prefix, or the ports from one to another of an IPv4 address."""

    address: Address
    ports: tuple[int, int] | None = None


class Row(NamedTuple):
    """A row as it stands in the list; `number`: its line (CSV, from 1) or its index among the tables."""

    number: int
    name: str
    class_name: str
    held: Sequence[Portion]  # none: what it holds is for accounting to say
    fixed: bool
    contact: str = ""
    language: str = ""


class Told:
    """What is wrong with a list: the first findings, and how many more there were."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.more = 0

    def tell(self, path: Path, what: str, way_out: str) -> None:
        """Add an error."""
        self.add([Finding(path, what, way_out)])

    def add(self, findings: Iterable[Finding]) -> None:
        """Add findings."""
        for finding in findings:
            if len(self.findings) < MOST_TOLD:
                self.findings.append(finding)
            else:
                self.more += 1


class _ListedTable(LineTable):
    addresses: tuple[HeldField, ...] = ()
    fixed: StrictBool = False


def toml_rows(content: bytes, told: Told) -> Iterator[Row]:
    """Read the [[line]] tables of a list. Raises UnreadableError when it begins."""
    data = read_toml(decode(content))
    reader = Reader()
    told.add(unknown_key((key,), ("line",)) for key in data if key != "line")
    tables = reader.tables(_ListedTable, ("line",), enumerate(reader.array(data, ("line",))))
    told.add(reader.findings)
    for index, table in tables.items():
        yield Row(
            index,
            table.name,
            table.class_name,
            tuple(map(_portion, table.addresses)),
            table.fixed,
            table.contact,
            table.language,
        )


def csv_rows(content: bytes, told: Told) -> Iterator[Row]:
    """Read the rows of a list. Raises UnreadableError when it begins."""
    decode(content)
    # Read bit by bit: the lines of a text of a million rows would take more room than the list itself.
    reader = csv.reader(TextIOWrapper(BytesIO(content), "utf-8-sig", newline=""), strict=True)
    begins = 1
    try:
        header = _header(next(reader, []), told)
        if header is None:
            return
        begins = reader.line_num + 1
        for fields in reader:
            if fields:
                row = _row(begins, fields, header, told)
                if row is not None:
                    yield row
            begins = reader.line_num + 1
    except csv.Error as error:
        way_out = 'put a text with commas or quotes in it into "quotes", and double the quotes inside'
        told.tell((begins,), f"this is not CSV: {error}", way_out)


def _header(fields: Sequence[str], told: Told) -> _Header | None:
    """Return where each column stands."""
    names = [field.strip() for field in fields]
    before = len(told.findings)
    for index, name in enumerate(names):
        if name not in _COLUMNS:
            told.add([unknown_key((1, name), _COLUMNS)])
        elif name in names[:index]:
            told.tell((1, name), "this column is there twice", "leave one of them")
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        what = f"the first line does not name the columns: {', '.join(missing)} not there"
        told.tell((1,), what, f"let it be: {','.join(_COLUMNS)}")
    return None if len(told.findings) > before else {name: index for index, name in enumerate(names)}


def _row(number: int, fields: Sequence[str], header: _Header, told: Told) -> Row | None:
    if len(fields) != len(header):
        what = f"{len(fields)} columns stand here, {len(header)} in the first line"
        told.tell((number,), what, "separate columns by commas, and the addresses of a line by spaces")
        return None
    fixed = fields[header["fixed"]].strip().lower() if "fixed" in header else ""
    if fixed not in _FIXED:
        told.tell((number, "fixed"), f'"{fixed}" is neither yes nor no', "write yes or no")
    return Row(
        number,
        fields[header["line"]].strip(),
        fields[header["class"]].strip(),
        _portions(number, fields[header["addresses"]], told),
        _FIXED.get(fixed, False),
        _read(read_contact, number, "contact", fields, header, told),
        _read(read_language, number, "language", fields, header, told),
    )


def _read(
    read: Callable[[object], str],
    number: int,
    column: str,
    fields: Sequence[str],
    header: _Header,
    told: Told,
) -> str:
    """Read a column that may be left out, or left empty."""
    if column not in header:
        return ""
    try:
        return read(fields[header[column]].strip())
    except PydanticCustomError as fault:
        told.tell((number, column), *words(fault))
        return ""


def _portions(number: int, texts: str, told: Told) -> list[Portion]:
    portions = []
    for text in texts.split():
        address = read_quickly(text)
        try:
            portions.append(_portion(read_held(text)) if address is None else Portion(address))
        except PydanticCustomError as fault:
            told.tell((number, "addresses"), *words(fault))
    return portions


def _portion(held: Held) -> Portion:
    network, ports = held
    return Portion(Address(network.network_address.packed, network.prefixlen), ports)
