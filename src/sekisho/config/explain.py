"""The findings of pydantic, told in the operator's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sekisho.config.problems import Finding, Path
from sekisho.config.values import FAULT, toml
from sekisho.durations import format_ms


def explain(model: type[BaseModel], error: ValidationError, path: Path) -> tuple[Finding, ...]:
    """Tell each fault of a table that stands at `path` and was read as `model`."""
    return tuple(_finding(model, details, path) for details in error.errors(include_url=False))


def unknown_key(path: Path, known: Iterable[str]) -> Finding:
    """Tell that the key at the end of `path` is none of the `known` ones."""
    names = sorted(known)
    close = get_close_matches(str(path[-1]), names, n=1)
    way_out = f'did you mean "{close[0]}"?' if close else f"known here are: {', '.join(names)}"
    return Finding(path, "this key is unknown", way_out)


def missing(path: Path, example: str) -> Finding:
    """Tell that the key at the end of `path` is needed."""
    return Finding(path, "this key is needed and not there", f"add a line such as: {path[-1]} = {example}")


def _finding(model: type[BaseModel], details: ErrorDetails, path: Path) -> Finding:
    where = (*path, *details["loc"])
    kind = details["type"]
    if kind == "extra_forbidden":
        return unknown_key(where, _keys(_inner(model, details["loc"])))
    if kind == "missing":
        return missing(where, _example(model, str(details["loc"][-1])))
    return Finding(where, *sentence(details))


def sentence(details: ErrorDetails) -> tuple[str, str]:
    """Return what is wrong with a value, naming it, and the way out."""
    if details["type"] == FAULT:
        return details["ctx"]["what"], details["ctx"]["way_out"]
    return _SENTENCES.get(details["type"], _plain)(details)


def is_explained(kind: str) -> bool:
    """Tell whether there are words of ours for an error of this type."""
    return kind == FAULT or kind in _SENTENCES


def _inner(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    for part in loc[:-1]:
        model = next(
            kind
            for name, field in model.model_fields.items()
            if (field.alias or name) == part and isinstance(kind := field.annotation, type)
        )
    return model


def _keys(model: type[BaseModel]) -> Iterable[str]:
    return (field.alias or name for name, field in model.model_fields.items())


def _example(model: type[BaseModel], key: str) -> str:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    return str((fields[key].examples or [""])[0])


def _type(expected: str, way_out: str) -> Callable[[ErrorDetails], tuple[str, str]]:
    return lambda details: (f"{_shown(details['input'])} is not {expected}", way_out)


def _bound(word: str, key: str) -> Callable[[ErrorDetails], tuple[str, str]]:
    def words(details: ErrorDetails) -> tuple[str, str]:
        bound: Any = details["ctx"][key]
        shown = format_ms(bound) if isinstance(details["input"], str) else f"{bound:,}"
        return f"{_shown(details['input'])} is out of bounds", f"give {word} {shown}"

    return words


def _choice(details: ErrorDetails) -> tuple[str, str]:
    expected = str(details["ctx"]["expected"]).replace("'", '"')
    return f"{_shown(details['input'])} is not one of the choices", f"write {expected}"


def _plain(details: ErrorDetails) -> tuple[str, str]:
    return f"{_shown(details['input'])} cannot be: {details['msg']}", "see the shipped sekisho.toml"


def _shown(value: object) -> str:
    shown = toml(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


_SENTENCES: dict[str, Callable[[ErrorDetails], tuple[str, str]]] = {
    "dict_type": _type("a table", "write a header in brackets and its keys below"),
    "enum": _choice,
    "int_type": _type("a whole number", "write a number without quotes, as in 5"),
    "string_type": _type("a text in quotes", 'write it as in "office-17"'),
    "tuple_type": _type("a list", 'write it in brackets, as in ["a", "b"]'),
    "model_type": _type("a table", "write a header in brackets and its keys below"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than_equal": _bound("at most", "le"),
    "string_too_short": lambda _: ("the text is empty", 'write it as in "office-17"'),
    "string_too_long": lambda details: (
        f"{_shown(details['input'])} is too long",
        "200 characters are the most",
    ),
}
