"""The desk's laboratory: who sends, who reports, and how the gate is configured. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sekisho.durations import format_ms
from sekisho.lab import gate
from sekisho.lab.programs import LINE_NAMES, Bot
from sekisho.model import Limit, Mode

LIMIT = Limit(Mode.OBSERVE, 10, 0)
"""What the class has: nothing is limited but what the desk limits."""

OWN_LIMIT = Limit(Mode.ENFORCE, 1, 1_000)
"""What a line gets of its own when reports come in against it."""

STOP_REQUEST, LIMITING, PROPOSING = 2, 3, 3  # reporters that lead to each step

NEIGHBOUR = "home-4"  # honest, in the same pool, and writing to servers outside as the spamming line does
LETTER_SECONDS = 2.0  # between the letters of an honest line
REFUSED_SECONDS = 1.0  # until a session that is refused at once is tried again

DESK_KEY = "desk-key"  # the files' names
LINES = "lines.csv"

ISP = "isp.example"
ABUSE = f"abuse@{ISP}"
PROVIDER_HOST, PROVIDER_ADDRESS = f"mail.{ISP}", "203.0.113.26"
GATE_ADDRESS, LMTP_PORT = "203.0.113.1", 2424  # where the desk takes mail in


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody whose users get the spam and who reports it: a domain, and the address of its server."""

    domain: str
    address: str

    @property
    def server(self) -> str:
        """Name the mail server, as it calls itself."""
        return f"mx.{self.domain}"

    @property
    def desk(self) -> str:
        """Name the mailbox from which spam is reported."""
        return f"abuse@{self.domain}"


RECIPIENTS = (
    Recipient("north.example", "198.51.100.31"),
    Recipient("east.example", "198.51.100.32"),
    Recipient("south.example", "198.51.100.33"),
    Recipient("west.example", "198.51.100.34"),
    Recipient("centre.example", "198.51.100.35"),
)

FORGER_ADDRESS = "198.51.100.26"  # of no recipient, whose names it uses

SPAMMER = Bot("bot-1", 10, tuple(one.address for one in RECIPIENTS))


def contact(line: str) -> str:
    """Name the mailbox of a line's customer."""
    return f"{line}@{ISP}"


def line_list() -> str:
    """Write the list of lines, which says where their customers are told; accounting gives the addresses."""
    rows = (f"{line},{gate.CLASS},,no,{contact(line)},en" for line in LINE_NAMES)
    return "\n".join(("line,class,addresses,fixed,contact,language", *rows)) + "\n"


def steps() -> str:
    """Say how many reporters lead to what."""
    return (
        f"reporters to a stop request: {STOP_REQUEST}, to a limit: {LIMITING}, "
        f"to a proposal: {PROPOSING} since; no day of grace"
    )


def config() -> str:
    """Write what stands behind the rest of the gate's configuration.

    The steps are those that hold where nothing is said, but for `grace`. All clocks are one machine's, so
    that a line can be told from whoever held its address two seconds before.
    """
    return f"""
[lines]
file = "{LINES}"

[desk]
key_file     = "{DESK_KEY}"
from         = "{ABUSE}"
authserv_ids = ["{PROVIDER_HOST}"]
trusted      = {json.dumps([one.domain for one in RECIPIENTS])}
skew         = "1s"

[desk.intake]
lmtp       = "{GATE_ADDRESS}:{LMTP_PORT}"
recipients = ["{ABUSE}"]
clients    = ["{PROVIDER_ADDRESS}"]

[desk.notices]
zone = "UTC"

[desk.notices.en]
provider = "ISP of the laboratory"
contact  = "{ABUSE}"

[desk.class.{gate.CLASS}]
stop_request = {{ reporters = {STOP_REQUEST}, within = "7d" }}
limit        = {{ reporters = {LIMITING}, within = "7d" }}
proposal     = {{ reporters = {PROPOSING}, within = "14d" }}
grace        = "0s"
cap          = {OWN_LIMIT.cap}
delay        = "{format_ms(OWN_LIMIT.delay_ms)}"

[alerts.mail]
server = "{PROVIDER_ADDRESS}:25"
from   = "sekisho@{ISP}"
to     = ["noc@{ISP}"]
"""
