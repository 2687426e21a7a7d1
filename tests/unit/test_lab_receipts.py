"""Reading what smtp-sink writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.lab import receipts
from sekisho.lab.receipts import Receipt

LINES = {"100.64.0.11": "office", "2001:db8:4000:200::2": "bot-4"}
LETTER = """\
X-Client-Addr: 100.64.0.11
X-Client-Proto: ESMTP
X-Helo-Args: office.example
Received: from office.example ([100.64.0.11])
From: writer@office.example
X-Sekisho-Lab: office-7

Dear reader,
"""
SPAM = """\
X-Client-Addr: ipv6:2001:db8:4000:200::2
X-Client-Proto: SMTP
X-Helo-Args: bot-4.example

La de da de da 1.
"""


def test_a_letter_is_known_by_its_header_and_its_line_by_its_address() -> None:
    assert receipts.parse(LETTER, 12.5, LINES) == Receipt("office", "office-7", 12.5)


def test_what_bears_no_letter_is_spam() -> None:
    assert receipts.parse(SPAM, 1.0, LINES) == Receipt("bot-4", None, 1.0, ipv6=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [("From: x\n", "names no client"), ("X-Client-Addr: 192.0.2.1\n", "192.0.2.1, which is no line")],
)
def test_a_file_of_nobody_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        receipts.parse(text, 0, LINES)


def test_finished_files_are_taken_and_unfinished_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "done").write_text(SPAM)
    (tmp_path / "open").touch()
    assert [receipt.line for receipt in receipts.collect(tmp_path, LINES)] == ["bot-4"]
    assert [path.name for path in tmp_path.iterdir()] == ["open"]


def test_the_last_whole_counter_is_read(tmp_path: Path) -> None:
    log = tmp_path / "counters"
    log.write_bytes(b"sess=7 quit=7 mesg=7\rsess=128 quit=128 mesg=128\rsess=12")
    assert receipts.sessions(log) == 128
    log.write_bytes(b"")
    assert receipts.sessions(log) == 0
