"""What the commands at the desk share: their options, and how a case is told."""

# Loaded at every start: what is heavy is imported where it is needed.
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import Annotated, Any

import typer

from sekisho.cli.common import show

Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The number of the case.")]
Report = Annotated[int, typer.Argument(metavar="N", min=1, help="The number of the report.")]
After = Annotated[
    int, typer.Option(metavar="N", min=0, help="Go on after this number, where there are more than are told.")
]
Reason = Annotated[str, typer.Option(help="Why. It is recorded, and needed.")]


def show_case(answer: Any, *, as_json: bool) -> None:
    """Tell all of a case."""
    from sekisho.api.desk_models import CaseAnswer
    from sekisho.cli.show_desk import case_text

    show(answer, lambda: case_text(CaseAnswer.model_validate(answer)), as_json=as_json)
