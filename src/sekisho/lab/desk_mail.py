"""The Postfixes of the desk's laboratory: that of the recipients, and the provider's own. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sekisho.lab.desk_layout import (
    ABUSE,
    GATE_ADDRESS,
    ISP,
    LMTP_PORT,
    PROVIDER_ADDRESS,
    PROVIDER_HOST,
    RECIPIENTS,
    Recipient,
    contact,
)
from sekisho.lab.programs import LINE_NAMES, VICTIM

_SERVING = (
    "anvil unix - - n - 1 anvil",
    "lmtp unix - - n - - lmtp",
    "virtual unix - n n - - virtual",
)


@dataclass(frozen=True, slots=True)
class Server:
    """A Postfix: its names here and in the mail, its rows of main.cf and master.cf, its mailboxes."""

    name: str
    host: str
    settings: tuple[str, ...]
    services: tuple[str, ...]
    mailboxes: tuple[str, ...]


def maildir(address: str) -> str:
    """Name the Maildir of a mailbox, below its server's directory."""
    return address.partition("@")[0]


def delivering(server: Server, directory: Path, user: int, group: int) -> tuple[str, ...]:
    """Write the rows of main.cf that deliver to a server's mailboxes, each a Maildir below `directory`."""
    return (
        f"virtual_mailbox_base = {directory}",
        f"virtual_mailbox_maps = {_inline({one: f'{maildir(one)}/' for one in server.mailboxes})}",
        f"virtual_minimum_uid = {user}",
        f"virtual_uid_maps = static:{user}",
        f"virtual_gid_maps = static:{group}",
    )


def _inline(rows: dict[str, str]) -> str:
    return f"inline:{{ {', '.join(f'{{{key} = {value}}}' for key, value in rows.items())} }}"


def _class(one: Recipient) -> str:
    """Name the class of restrictions for mail in the name of a recipient's domain."""
    return f"spf_{one.domain.partition('.')[0]}"


def _judged(one: Recipient) -> str:
    """Say of such mail whether it comes from where it may, as SPF (RFC 7208) would by the DNS."""
    judged = ((f"{one.address}/32", "pass"), ("0.0.0.0/0", "fail"))
    field = f"PREPEND Authentication-Results: {PROVIDER_HOST}"
    rows = (f"{{{client} {field}; spf={verdict} smtp.mailfrom={one.domain}}}" for client, verdict in judged)
    return f"{_class(one)} = check_client_access cidr:{{ {', '.join(rows)} }}, permit"


_OF_RECIPIENTS = _inline({one.domain: _class(one) for one in RECIPIENTS})

RECEIVING = Server(  # of all recipients: one program, and a server of its own name for each
    name="recipients",
    host=RECIPIENTS[0].server,
    settings=(
        f"inet_interfaces = {', '.join(one.address for one in RECIPIENTS)}",
        "smtpd_peername_lookup = no",
        "smtpd_client_port_logging = yes",
        "enable_long_queue_ids = yes",
        "smtpd_data_restrictions = sleep 1",  # a second, as the other receivers of the laboratory take
        f"virtual_mailbox_domains = {VICTIM.partition('@')[2]}",
    ),
    services=(
        *(f"{one.address}:25 inet n - n - - smtpd -o myhostname={one.server}" for one in RECIPIENTS),
        *_SERVING,
    ),
    mailboxes=(VICTIM,),
)

# Hands the mail to its abuse desk on to sekishod, and has its customers' mailboxes. It says of each mail in a
# recipient's name whose it is, and takes any other from sekishod alone: so nobody else speaks in its name.
PROVIDER = Server(
    name="provider",
    host=PROVIDER_HOST,
    settings=(
        f"inet_interfaces = {PROVIDER_ADDRESS}",
        "smtpd_peername_lookup = no",
        f"mynetworks = {GATE_ADDRESS}/32",
        f"smtpd_restriction_classes = {', '.join(map(_class, RECIPIENTS))}",
        *map(_judged, RECIPIENTS),
        f"smtpd_sender_restrictions = check_sender_access {_OF_RECIPIENTS}, permit_mynetworks, reject",
        f"virtual_mailbox_domains = {ISP}",
        f"transport_maps = {_inline({ABUSE: f'lmtp:inet:[{GATE_ADDRESS}]:{LMTP_PORT}'})}",
    ),
    services=(f"{PROVIDER_ADDRESS}:25 inet n - n - - smtpd", *_SERVING),
    mailboxes=(ABUSE, *(contact(line) for line in LINE_NAMES)),
)
