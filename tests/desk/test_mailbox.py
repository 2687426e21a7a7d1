"""Messages out of files: the same however the file comes in, and none grows without bound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.desk.mailbox import is_of_maildir, messages

_MOST = 5_000
ENVELOPE = b"From a@b.example Tue Nov  3 08:11:12 2026\n"

letters = st.lists(
    st.sampled_from(
        [b"A: b\n", b"\n", b"text\n", b">From x\n", b"From here on\n", b"x" * 1_500, b"\r\n", b"From "]
    ),
    max_size=12,
).map(b"".join)


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    begin = 0
    for cut in sorted(cut % (len(data) + 1) for cut in cuts):
        yield data[begin:cut]
        begin = cut
    yield data[begin:]


@given(
    st.lists(letters, min_size=1, max_size=4),
    st.lists(st.integers(0, 100_000), max_size=20),
    st.integers(1, 9_000),
)
def test_an_mbox_gives_its_messages_whatever_the_pieces(
    texts: list[bytes], cuts: list[int], most: int
) -> None:
    whole = [ENVELOPE + b"Subject: x\n\n" + text for text in texts]
    found = list(messages(pieces(b"\n\n".join(whole), cuts), most))
    assert found == [message[: most + 1] for message in whole if message[: most + 1].strip()]


@given(st.binary(max_size=3_000), st.lists(st.integers(0, 3_000), max_size=10))
def test_whatever_a_file_holds_comes_out(data: bytes, cuts: list[int]) -> None:
    found = list(messages(pieces(data, cuts), _MOST))
    if data.startswith(b"From "):
        assert b"\n\n".join(found).replace(b"\r", b"").replace(b"\n", b"") in data.replace(
            b"\r", b""
        ).replace(b"\n", b"")
    else:
        assert found == ([data] if data.strip() else [])


def test_lines_may_end_in_crlf() -> None:
    one, other = ENVELOPE + b"A: b\n\nc\n", ENVELOPE + b"D: e\n\nf\n"
    found = messages([(one + b"\n" + other).replace(b"\n", b"\r\n")], _MOST)
    assert [part.rstrip() for part in found] == [
        each.rstrip().replace(b"\n", b"\r\n") for each in (one, other)
    ]


@pytest.mark.parametrize(
    "line",
    [b"From here on it is text\n", b"From the shop at 8\n", b">From a@b 08:11:12\n", b" From a@b 08:11\n"],
)
def test_a_text_s_from_parts_nothing(line: bytes) -> None:
    data = ENVELOPE + b"A: b\n\nc\n\n" + line
    assert list(messages([data], _MOST)) == [data]


def test_one_message_and_one_report_of_xarf_are_a_file_each() -> None:
    assert list(messages([b'{"xarf', b'_version": "4"}'], _MOST)) == [b'{"xarf_version": "4"}']
    assert list(messages([b"A: b\n\n", b"From a@b 08:11:12\n"], _MOST)) == [b"A: b\n\nFrom a@b 08:11:12\n"]
    assert list(messages([b"x"], _MOST)) == [b"x"]
    assert list(messages([b"", b" \n"], _MOST)) == []
    assert list(messages([], _MOST)) == []


def test_a_file_of_any_size_is_held_to_the_bound() -> None:
    (found,) = messages((b"x" * 100_000 for _ in range(1_000)), _MOST)
    assert found == b"x" * (_MOST + 1)


@pytest.mark.parametrize(
    ("path", "is_message"),
    [
        ("box/new/1.a.b", True),
        ("box/cur/1.a.b:2,S", True),
        ("box/tmp/1.a.b", False),
        ("box/new/.x", False),
        ("box/x", False),
    ],
)
def test_a_maildir_s_messages_are_known_by_their_path(path: str, is_message: bool) -> None:
    assert is_of_maildir(PurePath(path)) is is_message
