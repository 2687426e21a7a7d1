"""A real FreeRADIUS as the NAS: it acknowledges, refuses with its reason, has another secret, or is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sekisho.coa_client import AskError, Nas, ask
from sekisho.daemon.desk_nases import NasActions
from sekisho.desk.actions import Progress
from sekisho.desk.coa import PORT, Answer, Request, attribute, change, disconnect, of_login
from sekisho.model import Address
from sekisho.store import open_store
from tests.system.accounting import SECRET, copy_installed, start_freeradius
from tests.system.netns import Namespace, network
from tests.unit.test_desk_nases import Site as DeskSite

ONE = Address(bytes((100, 64, 0, 1)), 32)
PREFIX = Address(bytes.fromhex("20010db8400001000000000000000000"), 56)
NAS = Nas("127.0.0.1", PORT, SECRET.encode())
SITE = f"""
listen {{
    type = coa
    ipaddr = 127.0.0.1
    port = {PORT}
    virtual_server = nas
}}
server nas {{
    recv-coa {{
        if (!&Message-Authenticator || !&Event-Timestamp) {{
            update reply {{ &Error-Cause := Missing-Attribute }}
            reject
        }}
        elsif (&User-Name =~ /^cause-([0-9]+)$/) {{
            update reply {{ &Error-Cause := "%{{1}}" }}
            reject
        }}
        elsif (&User-Name == "silent") {{
            handled
        }}
        elsif (&Packet-Type == Disconnect-Request && &Framed-IP-Address == 100.64.0.1) {{
            if (&Acct-Session-Id == "8100001f" && &User-Name == "alice@isp.example") {{
                ok
            }}
            else {{
                update reply {{ &Error-Cause := Session-Context-Not-Found }}
                reject
            }}
        }}
        elsif (&Packet-Type == CoA-Request && &Delegated-IPv6-Prefix == 2001:db8:4000:100::/56 \\
               && &Filter-Id == "closed" && &ERX-Service-Activate:1 == "quarantine") {{
            ok
        }}
        else {{
            update reply {{ &Error-Cause := Invalid-Request }}
            reject
        }}
    }}
    send-coa {{
        ok
    }}
}}
"""


@dataclass(frozen=True)
class Site:
    """A namespace with a FreeRADIUS that takes what is asked of a NAS."""

    here: Namespace

    def ask(self, request: Request, nas: Nas = NAS, waits: tuple[float, ...] = (5.0, 5.0)) -> Answer:
        return self.here.call(lambda: ask(nas, request, utc=lambda: datetime.now(UTC), waits_seconds=waits))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory: Path = tmp_path_factory.mktemp("nas")
    with network() as net:
        here = net.namespace("nas")
        copy_installed(directory / "raddb", directory)
        (directory / "raddb" / "sites-enabled" / "nas").write_text(SITE)
        start_freeradius(here, directory / "raddb", directory / "log")
        yield Site(here)


def test_a_login_is_ended_and_no_other_that_has_its_address(site: Site) -> None:
    assert site.ask(disconnect(of_login([ONE], session="8100001f", user="alice@isp.example"))) == Answer(True)
    for other in ({"session": "81000020", "user": "alice@isp.example"}, {"user": "bob"}):
        assert site.ask(disconnect(of_login([ONE], **other))) == Answer(False, 503)


def test_a_login_is_changed_by_ones_own_and_a_vendors_attributes(site: Site) -> None:
    wanted = [attribute("Filter-Id", "closed"), attribute("4874.65", "\x01quarantine")]  # tagged
    assert site.ask(change(of_login([PREFIX], user="alice"), wanted)) == Answer(True)


@pytest.mark.parametrize("cause", [401, 402, 404, 501, 503, 506])
def test_a_refusal_says_why(site: Site, cause: int) -> None:
    assert site.ask(disconnect(of_login([], user=f"cause-{cause}"))) == Answer(False, cause)


def test_another_secret_is_no_answer_and_does_nothing(site: Site) -> None:
    with pytest.raises(AskError, match="silent"):
        site.ask(
            disconnect(of_login([ONE])), Nas("127.0.0.1", PORT, b"another secret of somebody"), (0.2, 0.2)
        )


def test_nobody_is_there(site: Site) -> None:
    with pytest.raises(AskError, match="nothing listens"):
        site.ask(disconnect(of_login([ONE])), Nas("127.0.0.1", PORT + 1, SECRET.encode()), (0.1, 0.1))


def test_a_nas_that_says_nothing(site: Site) -> None:
    with pytest.raises(AskError, match="silent"):
        site.ask(disconnect(of_login([], user="silent")), waits=(0.2, 0.2))


def test_a_whole_lines_suspension_is_asked_of_it_until_it_is_there(site: Site, tmp_path: Path) -> None:
    secret = tmp_path / "coa"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    with closing(open_store(f"sqlite:///{tmp_path / 'store.db'}")) as store, capture_logs() as logs:
        desk = DeskSite(store, tmp_path)
        case = desk.suspended()
        desk.log_in(case, desk.now)
        is_there = False

        def ask_now(nas: Nas, request: Request) -> Answer:
            return site.ask(request, replace(nas, port=nas.port if is_there else PORT + 1))

        asking = NasActions(store, desk.config, tmp_path, lambda: desk.now, ask_now)
        asking.step()
        assert (desk.last(case).progress, desk.last(case).timeouts) == (Progress.WAITING, 1)
        is_there = True
        asking.step()
        assert desk.last(case).progress is Progress.WAITING, "before its time"
        desk.later(3_600)
        asking.step()
        assert desk.last(case).progress is Progress.ACKNOWLEDGED
        desk.log_out(case, desk.now)
        asking.step()
        assert desk.last(case).progress is Progress.VERIFIED
    assert "acknowledged" in [one.get("answer") for one in logs]
    assert SECRET not in repr(logs)
