"""Bundles of evidence: the same members make the same bytes, and whatever was changed shows."""

from __future__ import annotations

import io
import tarfile
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.bundle import SIGNATURE, SUMS, archive, check, write_sums

CONTENTS = st.dictionaries(
    st.text("abcdefgh/.0123456789", min_size=1, max_size=90).filter(lambda name: name[-1] != "/"),
    st.binary(max_size=2_000),
    min_size=1,
    max_size=5,
)


def signature(message: bytes) -> bytes:
    """Stand for the key's owner, who alone can make it."""
    return sha256(b"secret" + message).digest()


def is_signed(message: bytes, given: bytes) -> bool:
    return given == signature(message)


def bundle(contents: dict[str, bytes], listed: dict[str, bytes] | None = None) -> bytes:
    """Make a bundle; `listed`: what stands in its list, where that is something else."""
    sums = write_sums({name: sha256(content).digest() for name, content in (listed or contents).items()})
    members = {**contents, SUMS: sums, SIGNATURE: signature(sums)}
    return b"".join(archive(sorted(members.items())))


def problems(content: bytes) -> tuple[str, ...]:
    return check(io.BytesIO(content), is_signed).problems


@given(CONTENTS)
def test_what_was_put_in_is_what_any_tar_finds_and_it_is_sound(contents: dict[str, bytes]) -> None:
    made = bundle(contents)
    assert made == bundle(dict(reversed(contents.items())))
    found = check(io.BytesIO(made), is_signed)
    assert (set(found.members), found.problems) == (set(contents), ())
    with tarfile.open(fileobj=io.BytesIO(made)) as tar:
        files = {one.name: tar.extractfile(one) for one in tar}
        read = {name: file.read() for name, file in files.items() if file is not None}
        assert {(one.mtime, one.uid, one.uname) for one in tar} == {(0, 0, "")}
    assert {name: read[name] for name in contents} == contents


@given(CONTENTS, st.data())
def test_one_changed_byte_shows_wherever_it_is(contents: dict[str, bytes], data: st.DataObject) -> None:
    made = bytearray(bundle(contents))
    made[data.draw(st.integers(0, len(made) - 1))] ^= data.draw(st.integers(1, 255))
    assert problems(bytes(made))


@given(CONTENTS, st.data())
def test_what_is_cut_off_or_added_shows(contents: dict[str, bytes], data: st.DataObject) -> None:
    made = bundle(contents)
    assert problems(made[: data.draw(st.integers(0, len(made) - 1))])
    assert problems(made + data.draw(st.binary(min_size=1, max_size=600)))


@pytest.mark.parametrize(
    ("there", "listed", "why"),
    [
        ({"a": b"1"}, {"a": b"1", "b": b"2"}, "b is missing"),
        ({"a": b"1", "b": b"2"}, {"a": b"1"}, "b is in no list: somebody has added it"),
        ({"a": b"1"}, {"a": b"2"}, "a was changed"),
    ],
)
def test_what_does_not_fit_is_named(there: dict[str, bytes], listed: dict[str, bytes], why: str) -> None:
    assert problems(bundle(there, listed)) == (why,)


def test_a_member_that_is_there_twice_is_named() -> None:
    sums = write_sums({"a": sha256(b"1").digest()})
    members = [(SUMS, sums), (SIGNATURE, signature(sums)), ("a", b"2"), ("a", b"1")]
    assert problems(b"".join(archive(members))) == ("a is there twice",)


@pytest.mark.parametrize("content", [b"", b"no tar at all", bytes(512), bytes(1024)])
def test_what_is_no_bundle_is_none(content: bytes) -> None:
    assert problems(content)


def test_another_key_has_not_signed_it() -> None:
    found = check(io.BytesIO(bundle({"a": b"1"})), lambda *_: False)
    assert found.problems == (f"{SUMS} is not signed by this key, or was changed since",)
