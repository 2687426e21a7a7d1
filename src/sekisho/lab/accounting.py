"""What the laboratory's NAS says of its lines, as radclient reads it, and what that says of answers. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

from sekisho.lab.topology import Addresses

NAS = "access"

# Of `radclient -x`: a request's number, the line that it names, the number of the request that is answered.
_SAID = re.compile(
    r"^Sent Accounting-Request Id (?P<sent>\d+) "
    r'|^\tUser-Name = "(?P<line>[^"]+)"$'
    r"|^Received Accounting-Response Id (?P<answered>\d+) ",
    re.MULTILINE,
)


class Status(StrEnum):
    """What is said of a login (Acct-Status-Type, RFC 2866, 5.1)."""

    START = "Start"
    INTERIM = "Interim-Update"
    STOP = "Stop"


def request(status: Status, line: str, login: int, held: Addresses, at: float) -> str:
    """Write an Accounting-Request; `at` in seconds since the epoch."""
    attributes = (
        f"Acct-Status-Type = {status}",
        f'Acct-Session-Id = "{line}-{login}"',
        f'User-Name = "{line}"',
        f'NAS-Identifier = "{NAS}"',
        f"Event-Timestamp = {int(at)}",
        f"Framed-IP-Address = {held.ipv4}",
        f"Delegated-IPv6-Prefix = {held.prefix}",
    )
    return "\n".join(attributes) + "\n"


def acknowledged(said: str) -> list[str]:
    """List the lines whose requests have been answered, in the order of the answers."""
    lines: dict[str, str] = {}  # by the request's number
    answered: list[str] = []
    sent = ""
    for found in _SAID.finditer(said):
        if found["sent"]:
            sent = found["sent"]
        elif found["line"]:
            lines[sent] = found["line"]
        else:
            answered.append(lines[found["answered"]])
    return answered
