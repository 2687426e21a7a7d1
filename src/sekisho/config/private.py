"""Counts with noise: what all of them may tell of a line, and of when they are."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, PlainValidator

from sekisho.config.table import Table
from sekisho.config.values import fault, toml

_LARGEST_BUDGET: Final = 100  # beyond it the noise hides nothing


def _budget(value: object) -> float:
    if isinstance(value, int | float) and value is not True and 0 < value <= _LARGEST_BUDGET:
        return float(value)
    raise fault(
        f"{toml(value)} is no budget of epsilon",
        f"write how much all releases may tell of a line together, above 0 and up to {_LARGEST_BUDGET}",
    )


class PrivateTable(Table):
    """[private]: how much counts with noise may tell of a line, and of which hour of each day (UTC) they are.

    `budget`: the epsilon of all that is ever released, together.
    """

    budget: Annotated[float, PlainValidator(_budget)] = Field(examples=["4.0"])
    hour: Annotated[int, Field(strict=True, ge=0, le=23)] = Field(examples=["12"])
