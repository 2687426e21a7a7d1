"""Received fields as mail servers really write them (RFC 5321 §4.4 at its best), to hops.

Postfix    from helo (name [address]) by …            address in brackets within a comment
Sendmail   from helo (ident@name [address] (may be forged)) by …
Exim       from name ([address]:port helo=…) by …     or: from [address] (port=… helo=…) by …
Exchange   from name (address) by name (address) with Microsoft SMTP Server …
qmail      from name (HELO helo) (address) by …       and: (qmail 12 invoked from network); …
Gmail      from name (name. [address]) by …           and, inside: by address with SMTP id …
Yahoo      from address (EHLO helo) by …              inside: from address by … with HTTP
MX Logic   from name [address] (EHLO helo) by …
Momentum   from name ([address:port] helo=…) by …
Lotus      from name ([address]) by … (Lotus Domino …) with …

What the sender says of itself (HELO, ident) it may choose, so it never gives the address; where it reaches
into the place of the address, the hop is not clear. Nor is a hop that took mail from another host and does
not say from which address: below it anything may be forged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sekisho.desk.address import host_address, written_port
from sekisho.desk.report import Hop, HostAddress, Moment, TimeSource
from sekisho.desk.when import UnreadableTimeError, moment
from sekisho.desk.words import clean

LONGEST = 4_096  # characters of a field that are read; RFC 5321 knows no longer ones
_MOST_MARKS = 200

_MARK = re.compile(r"\\.|[();]", re.DOTALL)
_LITERAL = re.compile(r"\[([^\[\]\s]{2,60})\](?::(\d{1,5})(?!\d))?")
_BARE = re.compile(r"([0-9A-Fa-f:.]{2,45}?)(?::(\d{1,5}))?")
_CHOSEN = ("helo=", "ident=", "ehlo=")
_GREETINGS = ("helo ", "ehlo ", "lhlo ", "helo:", "ehlo:")
_LATER = frozenset({"via", "with", "id", "for"})
_LOCAL = ("lmtp", "local", "unix", "pop3", "imap", "mapi")


@dataclass(frozen=True, slots=True)
class _Pieces:
    """A field without its comments: words, comments (after how many words each stood), the date's text."""

    words: list[str]
    comments: list[tuple[int, str]]
    date: str


def hop(value: str) -> Hop:
    """Return the hop that the value of a Received field tells of; never raises."""
    pieces = _pieces(value) if len(value) <= LONGEST else None
    if pieces is None:
        return Hop(None, None, None, None, is_clear=False)
    when = _moment(pieces.date)
    words = [word.lower() for word in pieces.words]
    is_from = words[:1] == ["from"]
    begin = 2 if is_from else 0  # the word after `from` is the sender's choice: it may be any
    by_at = _only_by(words, begin)
    if by_at is None or "from" in words[begin:]:
        return Hop(None, None, None, when, is_clear=by_at is None and _is_qmail(pieces))
    name = clean("".join(pieces.words[by_at + 1 : by_at + 2])) or None
    return _from(pieces, by_at, name, when) if is_from else Hop(None, None, name, when)


def _only_by(words: list[str], begin: int) -> int | None:
    """Return where the only `by` stands; None where there is not one, or another clause is before it."""
    places = [at for at, word in enumerate(words) if word == "by" and at >= begin]
    if len(places) != 1 or not _LATER.isdisjoint(words[begin : places[0]]):
        return None
    return places[0]


def _from(pieces: _Pieces, end: int, by: str | None, when: Moment | None) -> Hop:
    comments = [text for at, text in pieces.comments if at <= end]
    found = {address: port for text in comments for address, port in _addresses(text)}
    before = pieces.words[1:end]
    if len(found) == 1 and not _is_contradicted(before, comments, *found):
        ((address, port),) = found.items()
        return Hop(address, port, by, when)
    if found:
        return Hop(None, None, by, when, is_clear=False)
    if _is_internal(pieces, end, comments):
        return Hop(None, None, by, when)
    sender = _of_http(pieces.words, end) or _before(before, comments, pieces)
    return Hop(None, None, by, when, is_clear=False) if sender is None else Hop(*sender, by, when)


def _addresses(comment: str) -> Iterator[tuple[HostAddress, int | None]]:
    """Yield the addresses in a comment of the from clause; those in brackets go before others."""
    if comment.lower().startswith(_GREETINGS):
        return
    words = [word for word in comment.split() if not word.lower().startswith(_CHOSEN)]
    literal = [each for word in words for each in _in_brackets(word)]
    if literal:
        yield from literal
        return
    if len(words) == 1:  # qmail puts who its sender says it is (ident) before the address
        words = [words[0].rpartition("@")[2]]
    for word in words:
        written = _with_port(word.strip("(),;"))
        if written is not None:
            yield written


def _in_brackets(word: str) -> Iterator[tuple[HostAddress, int | None]]:
    for literal in _LITERAL.finditer(word):
        written = _with_port(literal[1])
        if written is not None:
            yield written[0], written[1] or written_port(literal[2])


def _with_port(text: str) -> tuple[HostAddress, int | None] | None:
    """Return an address and the port behind its colon; an IPv6 address has colons of its own."""
    whole = host_address(text)
    if whole is not None:
        return whole, None
    bare = _BARE.fullmatch(text)
    address = None if bare is None else host_address(bare[1])
    if bare is None or address is None or address.version != 4:
        return None
    return address, written_port(bare[2])


def _is_contradicted(words: list[str], comments: list[str], address: HostAddress) -> bool:
    """Tell whether another address stands before a greeting than behind it.

    A name before it is what the server has found, so no address but Yahoo's 127.0.0.1; where there is one,
    what is behind may be of the greeting.
    """
    first = host_address(words[0]) if len(words) == 1 and comments[0].lower().startswith(_GREETINGS) else None
    return first is not None and first != address and not first.is_loopback


def _of_http(words: list[str], end: int) -> tuple[HostAddress, int | None] | None:
    """Return whose browser or server handed mail over by HTTP, which knows no greeting."""
    address = host_address(words[1]) if end == 2 and _protocol(words[end:]).startswith("http") else None
    return None if address is None else (address, None)


def _before(words: list[str], comments: list[str], pieces: _Pieces) -> tuple[HostAddress, int | None] | None:
    """Return the sender where Exim, Yahoo or MX Logic wrote it before the comment.

    Others have its own word there.
    """
    if len(comments) == 1 and comments[0].lower().startswith(_GREETINGS):
        is_named = len(words) == 2 and words[1].startswith("[")
        address = host_address(words[-1]) if is_named or len(words) == 1 else None
        return None if address is None else (address, None)
    if len(words) != 1:
        return None
    marks = [word for text in comments for word in text.lower().split()]
    is_exim = any(mark.startswith(("helo=", "port=")) for mark in marks) or any(
        text.startswith("Exim ") for _, text in pieces.comments
    )
    found = list(_in_brackets(words[0])) if is_exim and words[0].startswith("[") else []
    if len(found) != 1:
        return None
    port = next((mark.removeprefix("port=") for mark in marks if mark.startswith("port=")), None)
    return found[0][0], found[0][1] or written_port(port)


def _is_internal(pieces: _Pieces, end: int, comments: list[str]) -> bool:
    """Tell whether a field is of a hand-over that takes no stranger's mail; `end`: where its `by` stands."""
    is_lmtp = any(at == end + 2 and text.lower().startswith("lmtp") for at, text in pieces.comments)
    return is_lmtp or _protocol(pieces.words[end:]).startswith(_LOCAL) or "[unix socket]" in comments


def _protocol(words: list[str]) -> str:
    """Return what stands after `with`, in lower case; empty where nothing does."""
    at = next((at for at, word in enumerate(words) if word.lower() == "with"), len(words))
    return "".join(words[at + 1 : at + 2]).lower()


def _is_qmail(pieces: _Pieces) -> bool:
    return not pieces.words and bool(pieces.comments) and pieces.comments[0][1].startswith("qmail ")


def _moment(text: str) -> Moment | None:
    try:
        return moment(TimeSource.HOP, text.strip())
    except UnreadableTimeError:
        return None


def _pieces(value: str) -> _Pieces | None:
    """Take a field apart; None where comments lack an end or a begin, or there is more than one `;`.

    Then whoever sent may have written into it, and what stands where is his choice.
    """
    segments = _segments(value)
    ends = [at for at, (kind, _) in enumerate(segments) if kind == ";"]
    if not segments or len(ends) > 1:
        return None
    clause, date = (segments[: ends[0]], segments[ends[0] + 1 :]) if ends else (segments, [])
    words: list[str] = []
    comments: list[tuple[int, str]] = []
    for kind, text in clause:
        if kind == "(":
            comments.append((len(words), text))
        else:
            words += text.split()
    return _Pieces(words, comments, " ".join(text for kind, text in date if kind != "("))


def _segments(value: str) -> list[tuple[str, str]]:
    """Return comments as `(`, what is between them as nothing, and each `;` between them.

    Empty where the comments have not as many ends as begins, or there is too much of all.
    """
    found: list[tuple[str, str]] = []
    depth = begin = 0
    for count, mark in enumerate(_MARK.finditer(value)):
        sign, at = mark[0], mark.start()
        before = depth
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0 or count >= _MOST_MARKS:
            return []
        if sign in {"(", ")", ";"} and (before == 0 or depth == 0):
            found.append(("(" if before else "", value[begin:at]))
            found += [(";", "")] if sign == ";" else []
            begin = at + 1
    return [] if depth else [*found, ("", value[begin:])]
