"""Reads secrets from files: those that are shared with the clients of the accounting server, and others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from stat import S_IMODE, S_IRWXO, S_ISREG

from sekisho.config.problems import Finding, Severity
from sekisho.config.schema import RadiusClientTable
from sekisho.lines.radius_reception import Client

SAFE_LENGTH = 16  # RFC 2865 §3 asks for at least that


class SecretError(Exception):
    """What is wrong with a secret's file, and the way out."""

    def __str__(self) -> str:
        return ": ".join(self.args)


def read_clients(
    tables: Sequence[RadiusClientTable], directory: Path
) -> tuple[tuple[Client, ...], tuple[Finding, ...]]:
    """Return the clients with their secrets, and all that is wrong with the files of these.

    Relative paths start at `directory`. A client whose secret cannot be used is left out.
    """
    clients: list[Client] = []
    findings: list[Finding] = []
    for index, table in enumerate(tables):
        path = ("radius", "client", index, "secret_file")
        try:
            secret = read_secret(directory / table.secret_file)
        except SecretError as error:
            findings.append(Finding(path, *error.args))
            continue
        clients.append(Client(table.name, table.address, secret, frozenset(table.nas), table.pools))
        if len(secret) < SAFE_LENGTH:
            what = f"the secret has {len(secret)} characters, which can be found out from one packet"
            findings.append(Finding(path, what, f"take {SAFE_LENGTH} or more, by chance", Severity.WARNING))
    return tuple(clients), tuple(findings)


def read_secret(file: Path, *, is_one: bool = True) -> bytes:
    """Read the one line of a file that others may not read, or all of them. Raises SecretError."""
    try:
        mode = file.stat().st_mode
        content = file.read_bytes() if S_ISREG(mode) else b""
    except OSError as error:
        raise SecretError(f"{file} cannot be read ({error.strerror})", "write the secret into it") from error
    if not S_ISREG(mode):
        raise SecretError(f"{file} is no file", "name a file that holds the secret")
    if S_IMODE(mode) & S_IRWXO:
        raise SecretError(f"{file} is open to everyone on this machine", f"run: chmod o= {file}")
    secret = content.removesuffix(b"\n").removesuffix(b"\r")
    if not secret:
        raise SecretError(f"{file} is empty", "write the secret into it")
    if is_one and b"\n" in secret:
        raise SecretError(f"{file} holds more than one line", "write the secret into it, and nothing else")
    return secret
