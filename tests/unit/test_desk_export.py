"""Evidence leaves only from an evidence hold, only recorded, and anyone can verify it by openssl."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from math import inf
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from sekisho.api import client
from sekisho.cli import app
from sekisho.daemon.desk_export import Keys
from sekisho.daemon.desk_office import RunningDesk
from sekisho.desk.attribute import Found
from sekisho.desk.records import KeptIncident
from sekisho.lines.events import Lease
from sekisho.sealing import Sealer
from sekisho.signing import Signer, SignError, Verifier
from tests.desk.world import World, world
from tests.unit.desk_site import SOON, Site, about, lease_of, site_of
from tests.unit.fake_daemon import FakeOffice, running

ASKED = ("--purpose", "lawful-order", "--reason", "order 17 of the court")


@dataclass
class Evidence:
    """A desk with a case of two reports, a key that signs, and where bundles go.

    `uses`: how often the key file has the right key.
    """

    site: Site
    lease: Lease
    directory: Path
    uses: float = inf

    def sealer(self) -> Sealer:
        self.uses -= 1
        return self.site.sealer() if self.uses >= 0 else Sealer(Fernet.generate_key())

    @property
    def file(self) -> Path:
        return self.directory / "case-1.tar"

    @property
    def public(self) -> Path:
        return self.directory / "evidence.pub"

    def recorded(self) -> list[tuple[str, str, str, str]]:
        with self.site.store.reading() as transaction:
            entries = [record.entry for record in transaction.records()]
        return [
            (one.subject, one.purpose, one.reference, one.outcome)
            for one in entries
            if one.action == "desk export"
        ]


@pytest.fixture(scope="module")
def provider() -> World:
    return world(3)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys")
    openssl("genpkey", "-algorithm", "ed25519", "-out", "evidence", inside=directory)
    openssl("pkey", "-in", "evidence", "-pubout", "-out", "evidence.pub", inside=directory)
    return directory


@pytest.fixture
def evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: World, keys: Path
) -> Iterator[Evidence]:
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    shutil.copy(keys / "evidence.pub", tmp_path)
    with site_of(tmp_path / "a.db", provider, SOON) as site:
        lease = lease_of(provider)
        site.now = lease.begin + timedelta(hours=2)
        made = Evidence(site, lease, tmp_path)
        desk = RunningDesk(
            site.store,
            desk=site.desk,
            inbox=site.inbox(),
            keys=Keys(made.sealer, lambda: Signer((keys / "evidence").read_bytes())),
            gate="gate",
            utc=lambda: site.now,
            on_change=lambda: None,
            unopened=dict,
            settle_lines=lambda: None,
        )
        site.take(about(lease, 0), about(lease, 1))
        site.settle()
        with running(FakeOffice(), desk=desk):
            yield made


def openssl(*arguments: str, inside: Path) -> str:
    done = subprocess.run(["openssl", *arguments], cwd=inside, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr


def sekisho(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["desk", *arguments], prog_name="sekisho")


def export(evidence: Evidence, *options: str) -> Result:
    return sekisho("export", "1", "--out", str(evidence.file), *ASKED, *options)


def hold() -> None:
    assert sekisho("hold", "1", "--reason", "a complaint is prepared").exit_code == 0


def test_what_is_exported_is_whole_and_openssl_verifies_it(evidence: Evidence) -> None:
    with evidence.site.store.transaction() as transaction:
        transaction.add_incident(KeptIncident(1, 1, Found.NOT_OURS, "example.net"))
    hold()
    done = export(evidence)
    assert done.exit_code == 0, done.stderr
    assert evidence.file.stat().st_mode & 0o777 == 0o600
    place = evidence.directory / "unpacked"
    place.mkdir()
    subprocess.run(["tar", "xf", evidence.file, "-C", place], check=True)
    verified = ("pkeyutl", "-verify", "-pubin", "-inkey", "../evidence.pub", "-rawin", "-in", "SHA256SUMS")
    assert "Signature Verified" in openssl(*verified, "-sigfile", "SHA256SUMS.sig", inside=place)
    subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=place, check=True, capture_output=True
    )

    originals = [(place / f"reports/0000000{number}.eml").read_bytes() for number in (1, 2)]
    assert originals == [about(evidence.lease, 0), about(evidence.lease, 1)]
    read = {file.stem: json.loads(file.read_text()) for file in place.glob("*.json")}
    assert set(read) == {"actions", "audit", "case", "events", "leases", "reports"}
    assert [one["original"] for one in read["reports"]] == ["reports/00000001.eml", "reports/00000002.eml"]
    sums_of = [sha256(original).hexdigest() for original in originals]
    assert [one["original_sha256"] for one in read["reports"]] == sums_of
    assert [one["vouched"] for one in read["reports"]] == [None, None]
    assert [one["after"] for one in read["events"]][-1] == "evidence-hold"
    assert read["leases"][0]["begin"] == evidence.lease.begin.isoformat().replace("+00:00", "Z")
    assert [one["kind"] for one in read["actions"]] == ["individual-limit"]
    assert [one["action"] for one in read["audit"]] == ["line holder", "line holder", "desk hold"]
    assert read["case"]["exported"] == {
        "purpose": "lawful-order",
        "reference": "order 17 of the court",
        **_me(evidence),
    }
    sums = sha256((place / "SHA256SUMS").read_bytes()).hexdigest()
    assert evidence.recorded() == [
        ("case 1", "lawful-order", "order 17 of the court", f"exported, 2 originals; SHA256SUMS has {sums}")
    ]


@pytest.mark.parametrize("found", [Found.ATTRIBUTED, Found.AMBIGUOUS])
def test_an_original_that_may_tell_of_another_line_stays_here(
    evidence: Evidence, provider: World, found: Found
) -> None:
    other = next(one.line for one in provider.leases if one.line != evidence.lease.line)
    line = other if found is Found.ATTRIBUTED else None
    with evidence.site.store.transaction() as transaction:
        transaction.add_incident(
            KeptIncident(1, 1, found, "example.net", moment=evidence.site.now, line=line)
        )
    hold()
    assert export(evidence).exit_code == 0
    with tarfile.open(evidence.file) as tar:
        names = tar.getnames()
        member = tar.extractfile("reports.json")
        assert member is not None
        told = json.loads(member.read())
    assert "reports/00000001.eml" not in names
    assert "reports/00000002.eml" in names
    assert [one["original"] for one in told] == [None, "reports/00000002.eml"]
    assert told[0]["original_sha256"] == sha256(about(evidence.lease, 0)).hexdigest()
    assert [len(one["incidents"]) for one in told] == [1, 1], "of no other line"
    assert evidence.recorded()[-1][-1].startswith("exported, 1 originals")


def _me(evidence: Evidence) -> dict[str, object]:
    with evidence.site.store.reading() as transaction:
        entry = [record.entry for record in transaction.records()][-1]
    return {"user": entry.user, "uid": entry.uid}


def test_the_command_verifies_and_one_changed_byte_shows(evidence: Evidence) -> None:
    hold()
    export(evidence)
    verify = ("verify", str(evidence.file), "--key", str(evidence.public))
    assert sekisho(*verify).output == "as it was signed: 8 members\n"
    content = bytearray(evidence.file.read_bytes())
    content[content.index(b"Feedback-Type")] ^= 1
    evidence.file.write_bytes(content)
    changed = sekisho(*verify, "--json")
    assert changed.exit_code == 1
    assert json.loads(changed.output)["problems"] == ["reports/00000001.eml was changed"]


def test_only_an_evidence_hold_hands_anything_out(evidence: Evidence) -> None:
    refused = export(evidence)
    assert (refused.exit_code, evidence.file.exists()) == (1, False)
    assert "only what an evidence hold keeps is exported" in refused.stderr
    assert "there is no case 7" in sekisho("export", "7", "--out", str(evidence.file), *ASKED).stderr
    assert (
        "purpose"
        in sekisho("export", "1", "--out", str(evidence.file), "--purpose", "x", "--reason", "y").stderr
    )
    assert [outcome.partition(":")[0] for *_, outcome in evidence.recorded()] == ["refused"] * 3


def test_what_was_written_is_told_as_json_too(evidence: Evidence) -> None:
    hold()
    with capture_logs():
        shown = json.loads(export(evidence, "--json").stdout)
    assert shown == {"case": 1, "file": str(evidence.file), "bytes": evidence.file.stat().st_size}


def test_a_file_that_is_there_is_left_as_it_is(evidence: Evidence) -> None:
    hold()
    evidence.file.write_text("mine")
    assert "cannot be written" in export(evidence).stderr
    assert (evidence.file.read_text(), evidence.recorded()) == ("mine", [])


def test_an_original_that_no_key_opens_is_told_and_nothing_leaves(evidence: Evidence) -> None:
    hold()
    evidence.uses = 0
    refused = export(evidence)
    assert "report 1: no key opens the original, or it is damaged" in refused.stderr
    assert not evidence.file.exists()
    assert evidence.recorded()[-1][-1].startswith("refused: report 1")


def test_a_bundle_that_breaks_off_leaves_no_file(evidence: Evidence) -> None:
    hold()
    evidence.uses = 3  # two before it is recorded, and one on its way
    done = export(evidence)
    assert done.exit_code == 1
    assert "broke off" in done.stderr
    assert not evidence.file.exists()
    assert evidence.recorded()[-1][-1].startswith("exported")


@pytest.mark.parametrize("algorithm", ["rsa", "x25519"])
def test_keys_of_other_kinds_sign_nothing(tmp_path: Path, algorithm: str) -> None:
    openssl("genpkey", "-algorithm", algorithm, "-out", "key", inside=tmp_path)
    openssl("pkey", "-in", "key", "-pubout", "-out", "pub", inside=tmp_path)
    with pytest.raises(SignError, match="none of Ed25519"):
        Signer((tmp_path / "key").read_bytes())
    with pytest.raises(SignError, match="none of Ed25519"):
        Verifier((tmp_path / "pub").read_bytes())


@pytest.mark.parametrize(
    "content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_key_is_told(content: bytes) -> None:
    with pytest.raises(SignError, match="no private key"):
        Signer(content)
    with pytest.raises(SignError, match="no public key"):
        Verifier(content)


def test_a_key_without_its_last_line_end_is_one(keys: Path) -> None:
    signer = Signer((keys / "evidence").read_bytes().strip())
    assert Verifier((keys / "evidence.pub").read_bytes()).is_signed(b"x", signer.sign(b"x"))
    assert not Verifier((keys / "evidence.pub").read_bytes()).is_signed(b"y", signer.sign(b"x"))
