"""`python -m sekisho.lab`: the laboratory without the other commands."""

from sekisho.lab.cli import app

app()
