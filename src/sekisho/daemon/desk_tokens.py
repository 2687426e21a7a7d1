"""Whose each token is with which reports come in over HTTP."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

from sekisho.desk.trust import UNKNOWN_PARTY, party_of
from sekisho.lines.radius_secrets import SecretError, read_secret

SHORTEST_TOKEN: Final = 32  # characters: whoever guesses one accuses anybody


def digest_of(token: str) -> bytes:
    """Return by what a token is looked for: how long that takes tells nothing of any."""
    return sha256(token.encode("utf-8", "replace")).digest()


def read_tokens(file: Path) -> dict[bytes, str]:
    """Read whose each token is, by its digest; a line is a domain and a token. Raises SecretError."""
    found: dict[bytes, str] = {}
    lines = read_secret(file, is_one=False).decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines, 1):
        domain, _, token = line.partition(" ")
        party = party_of(domain)
        if party == UNKNOWN_PARTY or len(token) < SHORTEST_TOKEN:
            what = f"line {number} of {file} is no domain with a token of {SHORTEST_TOKEN} characters or more"
            raise SecretError(what, 'write it as in "fbl.example.net TOKEN", by: openssl rand -hex 32')
        if found.setdefault(digest_of(token), party) != party:
            raise SecretError(f"line {number} of {file} has the token of another reporter", "give it its own")
    return found
