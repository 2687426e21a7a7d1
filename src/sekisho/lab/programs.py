"""The command lines and configs of the mail programs; none of them is ours.

Who sends, and how much: the senders' calibration is that of docs/lab.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sekisho.lab.topology import GATE_RADIUS

# Debian package by program
PACKAGES: Mapping[str, str] = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "postfix": "postfix",
    "sendmail": "postfix",
    "smtp-sink": "postfix",
    "smtp-source": "postfix",
    "swaks": "swaks",
    "msmtp": "msmtp",
    "radclient": "freeradius-utils",
    "stdbuf": "coreutils",
}

LETTER_HEADER = "X-Sekisho-Lab"
SINK_USER = "nobody"

# A receiver takes 1 s over each message and, for one session in three, another 1 s (or more) over
# its greeting: sessions of 1 to 2 s, as of ordinary servers.
_SINK_DELAYS = ("-W", "data:1", "-W", "connect:1:33")


@dataclass(frozen=True, slots=True)
class Sink:
    """A receiving server: smtp-sink on one address, port 25."""

    name: str
    address: str


SINKS = (
    Sink("victims-4", "198.51.100.10"),
    Sink("victims-6", "[2001:db8:f::10]"),
    Sink("mx-4", "198.51.100.25"),
    Sink("mx-6", "[2001:db8:f::25]"),
    Sink("elsewhere", "198.51.100.26"),
    Sink("own", "203.0.113.25"),
)
SPAM_SINKS = frozenset({"victims-4", "victims-6"})


@dataclass(frozen=True, slots=True)
class Bot:
    """A spamming line: its sessions at once, and the receivers it floods, each of these in turn."""

    line: str
    sessions: int
    targets: tuple[str, ...]


# 10 sessions of 1.5 s are the 25,000 messages an hour of Rustock, the fastest bot with a published
# figure; 14 are what it needs with sessions of 2 s; 30 are beyond what has been published.
BOTS = (
    Bot("bot-1", 10, ("198.51.100.10",)),
    Bot("bot-2", 14, ("198.51.100.10",)),
    Bot("bot-3", 30, ("198.51.100.10",)),
    Bot("bot-4", 14, ("198.51.100.10", "[2001:db8:f::10]")),
)
VICTIM = "victim@victims.example"
TWOFOLD = "bot-4"  # sends over IPv4 and IPv6, and is one line


@dataclass(frozen=True, slots=True)
class Sender:
    """An honest line: its program, and the domains it writes to in turn.

    `exempt` when all it writes to is the provider's own mail server.
    """

    line: str
    program: str
    domains: tuple[str, ...]
    exempt: bool = False


SENDERS = (
    Sender("office", "postfix", ("mx4.example", "mx6.example", "elsewhere.example")),
    Sender("home-own", "swaks", ("own.example",), exempt=True),
    Sender("home-4", "swaks", ("mx4.example",)),
    Sender("home-6", "msmtp", ("mx6.example",)),
    Sender("elsewhere", "msmtp", ("elsewhere.example",)),
)
SERVERS: Mapping[str, str] = {
    "mx4.example": "198.51.100.25",
    "mx6.example": "2001:db8:f::25",
    "elsewhere.example": "198.51.100.26",
    "own.example": "203.0.113.25",
}

OFFICE = "office.example"
OFFICE_SETTINGS = (  # of its Postfix; timeouts and concurrency stay the defaults
    "inet_interfaces = loopback-only",
    f"transport_maps = inline:{{ {', '.join(f'{{{name} = smtp:[{ip}]}}' for name, ip in SERVERS.items())} }}",
)

LINE_NAMES = (*(sender.line for sender in SENDERS), *(bot.line for bot in BOTS))
RECONNECTING = ("home-4", "bot-2", TWOFOLD)  # before each phase but the first

RADIUS_SECRET = "radius-secret"  # the file's name
RADIUS_PORT = 1813


def sink_argv(sink: Sink, directory: Path) -> tuple[str, ...]:
    """Receive on the sink's address; a file a message in `directory`, running counters on stdout."""
    files = f"{directory}/%H%M%S."
    limits = ("-c", "-m", "1024", "-u", SINK_USER)
    return ("smtp-sink", *limits, *_SINK_DELAYS, "-d", files, f"{sink.address}:25", "1024")


def radclient_argv(directory: Path, requests: int) -> tuple[str, ...]:
    """Send the requests on stdin all at once, by the secret in `directory`; say at once what is answered."""
    secret = str(directory / RADIUS_SECRET)
    options = ("-x", "-r", "5", "-t", "3", "-p", str(requests), "-S", secret)
    return ("stdbuf", "-oL", "radclient", *options, f"{GATE_RADIUS}:{RADIUS_PORT}", "acct")


def bot_argv(bot: Bot, target: str) -> tuple[str, ...]:
    """Send to a receiver, one session at a time and each message in a session of its own.

    Without end, unless the bot has other receivers, whose turn is next.
    """
    messages = "1000000" if len(bot.targets) == 1 else "1"
    return (
        *("smtp-source", "-s", "1", "-m", messages, "-l", "1500"),
        *("-M", f"{bot.line}.example", "-f", f"{bot.line}@spam.example", "-t", VICTIM),
        f"{target}:25",
    )


def letter_argv(sender: Sender, domain: str, letter: str, postfix: Path) -> tuple[str, ...]:
    """Send one letter with the sender's program, the letter on stdin."""
    origin, recipient = f"writer@{sender.line}.example", f"reader@{domain}"
    if sender.program == "postfix":
        return ("sendmail", "-C", str(postfix), "-i", "-f", origin, recipient)
    if sender.program == "msmtp":
        return msmtp_argv(SERVERS[domain], f"{sender.line}.example", origin, recipient)
    header = ("--header", f"{LETTER_HEADER}: {letter}")
    server = ("--server", SERVERS[domain], "--port", "25", "--helo", f"{sender.line}.example")
    return ("swaks", "--silent", "2", *server, "--from", origin, "--to", recipient, *header)


def msmtp_argv(server: str, domain: str, sender: str, recipient: str) -> tuple[str, ...]:
    """Send the message on stdin to a server; `domain`: what the sender calls itself."""
    options = ("--file=/dev/null", "--auth=off", "--tls=off", "--port=25")
    return ("msmtp", *options, f"--host={server}", f"--domain={domain}", f"--from={sender}", recipient)


def letter_text(sender: Sender, domain: str, letter: str) -> str:
    """Write the letter as Postfix and msmtp read it on stdin."""
    return (
        f"From: writer@{sender.line}.example\nTo: reader@{domain}\nSubject: a letter\n"
        f"{LETTER_HEADER}: {letter}\n\nDear reader,\n\nall is well here.\n"
    )
