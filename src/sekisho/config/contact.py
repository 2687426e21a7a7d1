"""How a line says where its customer is told of notices, and in which language; no value is shown again."""

from __future__ import annotations

from typing import Annotated

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from sekisho.config.alerts import read_address
from sekisho.config.notice import LANGUAGES
from sekisho.config.values import fault, toml


def read_contact(value: object) -> str:
    """Return a customer's mail address, or "" for none; the fault does not repeat it."""
    if value == "":
        return ""
    try:
        return read_address(value)
    except PydanticCustomError:
        raise fault(
            "this is no mail address", 'write the address alone, as in "office@example.net"'
        ) from None


def read_language(value: object) -> str:
    """Return the language of notices, or "" for one that is not known."""
    if isinstance(value, str) and value in ("", *LANGUAGES):
        return value
    known = " or ".join(f'"{one}"' for one in LANGUAGES)
    raise fault(f"{toml(value)[:60]} is no language of notices", f"write {known}, or leave it out")


Contact = Annotated[str, PlainValidator(read_contact)]
LanguageField = Annotated[str, PlainValidator(read_language)]
