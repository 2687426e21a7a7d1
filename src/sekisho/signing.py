"""What leaves as evidence is signed, so that whoever has the public key can tell that nobody has changed it.

Ed25519 (RFC 8032) of the `cryptography` package, with keys in PEM as openssl writes them.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

SIGNING_WAY_OUT: Final = "write one by chance: (umask 077; openssl genpkey -algorithm ed25519 -out FILE)"
_PUBLIC_WAY_OUT: Final = "name the one that `openssl pkey -in PRIVATE -pubout` has written"


class SignError(Exception):
    """A key cannot be used: why, and the way out."""


class Signer:
    """Signs with the private key of a file."""

    def __init__(self, content: bytes) -> None:
        """Read a private key; SignError says what is wrong with it, without it."""
        try:
            key = load_pem_private_key(content, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SignError("it has no private key in PEM that needs no password") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SignError("its key is none of Ed25519")
        self._key = key

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message: 64 bytes."""
        return self._key.sign(message)

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the public key (its DER), by which one key is told from another."""
        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return sha256(public).hexdigest()


class Verifier:
    """Verifies with a public key."""

    def __init__(self, content: bytes) -> None:
        """Read a public key. Raises SignError."""
        try:
            key = load_pem_public_key(content)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SignError(f"it has no public key in PEM: {_PUBLIC_WAY_OUT}") from error
        if not isinstance(key, Ed25519PublicKey):
            raise SignError(f"its key is none of Ed25519: {_PUBLIC_WAY_OUT}")
        self._key = key

    def is_signed(self, message: bytes, signature: bytes) -> bool:
        """Tell whether the key's owner has signed a message."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True
