"""Originals of reports are kept sealed: whoever has the database alone reads none of them.

Fernet (AES-128-CBC, HMAC-SHA256) of the `cryptography` package. A key file has a key a line; the first seals,
all open, so that a new key is put before the old ones.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

KEY_WAY_OUT: Final = "write one by chance: (umask 077; openssl rand -base64 32 | tr '+/' '-_' > FILE)"


class SealError(Exception):
    """A key or an original cannot be used: why, and the way out."""


class NoKeyError(SealError):
    """No key opens an original: its key is missing, or it is damaged, which nobody can tell apart."""


class Sealer:
    """Seals with the first key of a file, and opens with each of them; `fingerprint`: of all of them."""

    def __init__(self, content: bytes) -> None:
        """Read keys; SealError says what is wrong with them, without them."""
        lines = [line.strip() for line in content.splitlines() if line.strip()]
        if not lines:
            raise SealError("it has no key")
        self.fingerprint = sha256(b"\n".join(lines)).digest()
        self._fernet = MultiFernet([_key(number, line) for number, line in enumerate(lines, 1)])

    def seal(self, original: bytes) -> bytes:
        """Return an original sealed."""
        return urlsafe_b64decode(self._fernet.encrypt(original))

    def open(self, sealed: bytes, digest: bytes) -> bytes:
        """Return an original; `digest`: its SHA-256.

        NoKeyError where no key opens it, SealError where it is another's.
        """
        try:
            original = self._fernet.decrypt(urlsafe_b64encode(sealed))
        except InvalidToken:
            why = "no key opens the original, or it is damaged"
            way_out = "add the key that it was sealed with to the key file, beneath the newest"
            raise NoKeyError(f"{why}: {way_out}, or put the row of a backup back") from None
        if sha256(original).digest() != digest:
            raise SealError("the original is another report's: the database was changed by somebody else")
        return original


def _key(number: int, line: bytes) -> Fernet:
    try:
        return Fernet(line)
    except ValueError:
        raise SealError(f"line {number} is no key") from None
