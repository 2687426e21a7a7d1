"""Whether a mail server of ours says that a mail is from whom its `From:` says (RFC 8601).

Theory of operation. Anybody can write a `From:`, and anybody can write an `Authentication-Results`. What our
own server has written stands above all that came with the mail. So the first fields in the name of one of
ours are read, as long as no other field stands between them. Of these the first that speaks of a method
below, or says that nothing was tried, is believed alone: the next may be what the sender has written. Where
there are more in their name further down, somebody has forged these or those at the top: then none is
believed. Where a server writes nothing, what others have written in its name would be the first: it has to
take that away (RFC 8601 §5). It may know its name only as it writes it: with quotes, a comment or a foreign
blank before it, it is not believed.

    dmarc=pass header.from     the domain of the `From:` itself; dmarc=fail in any of them goes before all
    dkim=pass header.d, .i     a domain of the same organisation
    spf=pass smtp.mailfrom     the same
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from sekisho.desk.header import Header, text
from sekisho.desk.trust import is_aligned

LONGEST = 4_096  # characters of a field that are read
MOST_FIELDS = 10  # that are read, whoever has written them
_FIELD = b"authentication-results"
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([();]|\s+)|([^"();\s\\]+)', re.DOTALL)
_IN_COMMENT = re.compile(r"\\.|[()]|[^()\\]+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9._-]{0,60}")
_DOMAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_PROPERTIES = {"dmarc": ("header.from",), "dkim": ("header.d", "header.i"), "spf": ("smtp.mailfrom",)}


@dataclass(frozen=True, slots=True)
class _Result:
    """What a method has found, and of which domain."""

    method: str
    verdict: str
    domain: str | None


@dataclass(frozen=True, slots=True)
class _Field:
    """What a server has written."""

    server: str
    results: tuple[_Result, ...]


def is_authentic(header: Header, domain: str, servers: Collection[str]) -> bool:
    """Tell whether a server of ours says that a mail is from a domain, that of its `From:`.

    `domain`, `servers` (authserv-ids): in lower case.
    """
    ours = _ours(header, servers)
    if any((one.method, one.verdict) == ("dmarc", "fail") for field in ours for one in field.results):
        return False
    believed = next((field.results for field in ours if _speaks(field)), ())
    return any(one.verdict == "pass" and _is_about(one, domain) for one in believed)


def _speaks(field: _Field) -> bool:
    return not field.results or any(one.method in _PROPERTIES for one in field.results)


def _is_about(result: _Result, domain: str) -> bool:
    if result.method == "dmarc":
        return result.domain == domain
    return result.domain is not None and is_aligned(result.domain, domain)


def _ours(header: Header, servers: Collection[str]) -> list[_Field]:
    """Return the fields that our own servers have written, none where that is not certain."""
    found: list[_Field] = []
    read = last = 0
    for place, (name, value) in enumerate(header.fields):
        if name != _FIELD:
            continue
        if found and place > last + 1:
            if text(value).lower().startswith(tuple(servers)):
                return []
            continue
        field, read = _field(text(value)), read + 1
        if field is None or read > MOST_FIELDS:
            return []
        if field.server in servers:
            if not text(value).lower().startswith(field.server):
                return []
            found.append(field)
            last = place
    return found


def _field(value: str) -> _Field | None:
    """Read a field; None where it is none."""
    clauses = _clauses(value)
    if not clauses or not clauses[0] or len(clauses[0]) > 2 or not all(map(str.isdecimal, clauses[0][1:])):
        return None  # after the server's name there may be a version
    found = [_result(words) for words in clauses[1:] if words not in ([], ["none"])]
    results = tuple(one for one in found if one is not None)
    return _Field(clauses[0][0].lower(), results) if len(results) == len(found) else None


def _result(words: list[str]) -> _Result | None:
    """Read `method=result property=value …`; None where it is none, or says two things of one."""
    said: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.lower().partition("/")[0]  # a method may have a version
        if not equals or not _NAME.fullmatch(name) or said.setdefault(name, value) != value:
            return None
    method, verdict = next(iter(said.items()))
    wanted = (said[name] for name in _PROPERTIES.get(method, ()) if name in said)
    return _Result(method, verdict.lower(), _domain(next(wanted, "")))


def _domain(value: str) -> str | None:
    """Return the domain of `[[local-part] "@"] domain-name`."""
    name = value.rpartition("@")[2].lower().rstrip(".")
    return name if _DOMAIN.fullmatch(name) else None


def _clauses(value: str) -> list[list[str]] | None:
    """Return the words between the semicolons, without comments and quotes; None where an end is missing."""
    if len(value) > LONGEST:
        return None
    clauses: list[list[str]] = [[""]]
    at = 0
    while at < len(value):
        token = _TOKEN.match(value, at)
        if token is None or token[0] == ")":
            return None
        at = token.end()
        if token[0] == "(":
            end = _end_of_comment(value, at)
            if end is None:
                return None
            at = end
            clauses[-1].append("")
        elif token[0] == ";":
            clauses.append([""])
        elif token[2] is not None:
            clauses[-1].append("")
        else:
            clauses[-1][-1] += token[3] or _ESCAPED.sub(r"\1", token[1]) or token[0]
    return [_joined(words) for words in clauses]


def _end_of_comment(value: str, at: int) -> int | None:
    depth = 1
    for token in _IN_COMMENT.finditer(value, at):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    return None


def _joined(words: list[str]) -> list[str]:
    """Put together what spaces part around an equals sign."""
    found: list[str] = []
    for word in filter(None, words):
        is_after = bool(found) and found[-1].find("=") == len(found[-1]) - 1
        is_sign = bool(found) and word.startswith("=") and "=" not in found[-1]
        if is_after or is_sign:
            found[-1] += word
        else:
            found.append(word)
    return found
