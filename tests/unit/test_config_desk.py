"""[desk]: what leads to what, and all that is wrong with it."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path, PurePosixPath

import pytest

from sekisho.config import Config, Severity, errors
from sekisho.config.desk_plan import ours_of, policies_of
from sekisho.daemon.reading import read_whole
from sekisho.desk.case_values import Kind
from sekisho.desk.policy import Policy, Step
from sekisho.model import Excess, Limit, Mode
from sekisho.plan import unfollowable
from tests.unit.configuring import BASE, FIXED, SHIPPED, good, problems

MAIL = '[alerts.mail]\nserver = "mail.example.net"\nfrom = "sekisho@example.net"\nto = ["noc@example.net"]\n'
DESK = '[desk]\nkey_file = "secrets/desk"\nfrom = "abuse@example.net"\nauthserv_ids = ["MX.example.net"]\n'
TRUSTED = 'trusted = ["FBL.example.net"]\n'
WHOLE = BASE + FIXED + MAIL + DESK + TRUSTED
DAY = timedelta(days=1)


def policies(text: str) -> dict[str, Policy]:
    return dict(policies_of(good(WHOLE + text)))


def test_without_the_desk_there_is_none_and_with_it_a_store() -> None:
    assert good(BASE).desk is None
    assert policies_of(good(BASE)) == {}
    assert not good(BASE).keeps_lines
    assert good(WHOLE).keeps_lines


def test_every_class_has_a_policy_the_usual_where_nothing_is_said() -> None:
    usual = Policy(able=frozenset({Kind.PORT25}))  # there is no NAS
    assert policies("") == {"dynamic": usual, "fixed": usual}


@pytest.mark.parametrize(
    ("step", "reporters", "incidents"),
    [
        ("reporters = 3", 3, 3),
        ("incidents = 50", 1, 50),
        ("reporters = 4, incidents = 9", 4, 9),
        ("reporters = 4, incidents = 2", 4, 4),  # each brings one at least
    ],
)
def test_a_step_names_parties_or_incidents_or_both(step: str, reporters: int, incidents: int) -> None:
    text = "".join(f'{key} = {{ {step}, within = "7d" }}\n' for key in ("stop_request", "limit"))
    policy = policies("[desk.class.fixed]\n" + text)["fixed"]
    assert policy.stop_request == policy.limit == Step(reporters, incidents, 7 * DAY)


def test_a_class_has_its_own_policy() -> None:
    text = """
    [[desk.nas]]
    name = "bng1"
    address = "192.0.2.1"
    secret_file = "coa"
    pools = ["192.0.2.0/24"]
    [desk.class.fixed]
    stop_request = "never"
    limit    = { reporters = 1, within = "3d" }
    proposal = { reporters = 2, incidents = 10, within = "9d" }
    grace    = "0s"
    stopped  = "20d"
    cap      = 2
    delay    = "1s"
    excess   = "reset"
    limited  = "60d"
    suspension = "line-suspension"
    suspended  = "7d"
    """
    assert policies(text)["dynamic"] == Policy()
    assert policies(text)["fixed"] == Policy(
        stop_request=None,
        limit=Step(1, 1, 3 * DAY),
        proposal=Step(2, 10, 9 * DAY),
        grace=0 * DAY,
        quiet=20 * DAY,
        own_limit=Limit(Mode.ENFORCE, 2, 1_000, Excess.RESET),
        limited=60 * DAY,
        suspension=Kind.LINE,
        suspended=7 * DAY,
    )


def test_what_is_grave_is_so_for_every_class() -> None:
    config = good(WHOLE + 'grave = ["line-suspension", "port-25-suspension"]\n')
    assert {policy.persons(Kind.PORT25) for policy in policies_of(config).values()} == {2}
    none = good(WHOLE + "grave = []\n")
    assert {policy.persons(Kind.LINE) for policy in policies_of(none).values()} == {1}


def test_ours_is_what_lines_hold_by_the_file_and_our_servers() -> None:
    text = """
    [[line]]
    name = "office"
    class = "fixed"
    addresses = ["198.51.100.8/29"]
    [[nat]]
    inside = "100.64.0.0/22"
    outside = "192.0.2.0/28"
    ports = 1008
    class = "dynamic"
    """
    gate = 'exempt = ["203.0.113.0/24"]\n'
    config = good(WHOLE.replace("uplink", gate + "uplink") + text)
    our = ours_of(config)
    for address in ("100.64.3.3", "198.51.100.9", "192.0.2.15"):
        assert our.is_line(ip_address(address))
    assert not our.is_line(ip_address("198.51.100.1"))
    assert our.is_server(ip_address("203.0.113.25"))


def test_the_shipped_example_shows_every_key_and_its_default() -> None:
    text = SHIPPED.read_text()
    stated = text[text.index("#[desk]") : text.index("# Optional: the store")]
    config = good(BASE + FIXED + MAIL + re.sub(r"^#(?=[a-z[])", "", stated, flags=re.MULTILINE))
    assert config.desk is not None
    found = policies_of(config)
    assert found["dynamic"] == Policy()
    early = Step(2, 2, 7 * DAY)
    assert (found["fixed"].stop_request, found["fixed"].limit) == (early, early), "both at once"
    desk = config.desk
    assert desk.intake is not None
    assert desk.notices is not None
    for table in (desk, desk.intake, desk.notices, *desk.nases, desk.classes["dynamic"]):
        for key, field in type(table).model_fields.items():
            if key not in TABLES:
                assert re.search(rf"^#.*\b{field.alias or key} *=", stated, re.MULTILINE), key
            if not field.is_required() and key not in TABLES | SHOWN_FILLED:
                assert getattr(table, key) == field.default, key


TABLES = {"classes", "intake", "notices", "nases", "ja", "en"}
SHOWN_FILLED = {"authserv_ids", "trusted", "evidence_key_file", "lmtp", "templates"}
SHOWN_FILLED |= {"nas", "suspend", "restore", "http", "tokens_file"}


INTAKE = '[desk.intake]\nrecipients = ["a@example.net"]\n'
IN_CLASS = DESK + "[desk.class.dynamic]\n"


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ("[desk]\n", "desk.from", "this key is needed"),
        ("desk = 5\n" + MAIL, "desk", "5 is not a table"),
        (MAIL + DESK + "rates = 5\n", "desk.rates", "this key is unknown"),
        (MAIL + DESK + "rate = 0\n", "desk.rate", "out of bounds"),
        (MAIL + DESK + 'skew = "2h"\n', "desk.skew", "out of bounds"),
        (MAIL + DESK + 'reports = "1h"\n', "desk.reports", "out of bounds"),
        (MAIL + DESK + 'grave = ["individual-limit"]\n', "desk.grave[0]", "is no suspension"),
        (MAIL + DESK + 'grave = ["bad"]\n', "desk.grave[0]", '"bad" is not one of the choices'),
        (MAIL + DESK + 'grave = ["line-suspension", "line-suspension"]\n', "desk.grave[1]", "is there twice"),
        (MAIL + DESK + 'cases = "100d"\n', "desk.cases", "before their reports are"),
        (MAIL + DESK.replace("abuse@", "Abuse <abuse@"), "desk.from", "is no mail address"),
        (DESK, "desk.from", "there is no mail server"),
        (
            MAIL + DESK.replace("MX.example.net", "mx.example.net 1"),
            "desk.authserv_ids[0]",
            '"mx.example.net 1" is no authserv-id',
        ),
        (MAIL + DESK + 'trusted = ["fbl@"]\n', "desk.trusted[0]", '"fbl@" is no mail address'),
        (MAIL + DESK + 'trusted = ["co.jp"]\n', "desk.trusted[0]", 'anybody can have a name beneath "co.jp"'),
        (MAIL + DESK + 'trusted = ["duckdns.org"]\n', "desk.trusted[0]", "anybody can have a name"),
        (MAIL + DESK + "class = 5\n", "desk.class", "5 is no table"),
        (MAIL + DESK + "[desk.class.fixe]\n", "desk.class.fixe", 'there is no class "fixe"'),
        (MAIL + IN_CLASS + "caps = 1\n", "desk.class.dynamic.caps", "this key is unknown"),
        (MAIL + IN_CLASS + "cap = 0\n", "desk.class.dynamic.cap", "a cap of 0 would close port 25"),
        (MAIL + IN_CLASS + "cap = 999999\n", "desk.class.dynamic.cap", "more than the gate's"),
        (MAIL + IN_CLASS + 'delay = "30s"\n', "desk.class.dynamic.delay", "30s"),
        (MAIL + IN_CLASS + 'stopped = "500d"\n', "desk.class.dynamic.stopped", "out of bounds"),
        (MAIL + IN_CLASS + "limit = 3\n", "desk.class.dynamic.limit", "3 is no step"),
        (MAIL + IN_CLASS + "limit = false\n", "desk.class.dynamic.limit", "false is no step"),
        (MAIL + IN_CLASS + "limit = {}\n", "desk.class.dynamic.limit.within", "this key is needed"),
        (
            MAIL + IN_CLASS + 'limit = { within = "7d" }\n',
            "desk.class.dynamic.limit",
            "it names neither reporters nor incidents",
        ),
        (
            MAIL + IN_CLASS + 'limit = { incidents = 0, within = "7d" }\n',
            "desk.class.dynamic.limit.incidents",
            "out of bounds",
        ),
        (
            MAIL + IN_CLASS + 'proposal = { incidents = 9, within = "7d" }\n',
            "desk.class.dynamic.proposal.reporters",
            "one party alone could have anybody's suspension proposed",
        ),
        (
            MAIL + IN_CLASS + 'limit = { reporters = 2, with = "7d", within = "7d" }\n',
            "desk.class.dynamic.limit.with",
            "this key is unknown",
        ),
        (
            MAIL + IN_CLASS + 'limit = { reporters = 0, within = "7d" }\n',
            "desk.class.dynamic.limit.reporters",
            "out of bounds",
        ),
        (
            MAIL + IN_CLASS + 'proposal = { reporters = 1, within = "7d" }\n',
            "desk.class.dynamic.proposal.reporters",
            "one party alone could have anybody's suspension proposed",
        ),
        (
            MAIL + IN_CLASS + 'limit = "never"\nstop_request = "never"\n',
            "desk.class.dynamic.proposal",
            "it needs a stop request before",
        ),
        (
            MAIL + IN_CLASS + 'limit = { reporters = 1, within = "300d" }\n',
            "desk.class.dynamic.limit.within",
            "reports are forgotten after 183d",
        ),
        (
            MAIL + IN_CLASS + 'suspension = "individual-limit"\n',
            "desk.class.dynamic.suspension",
            '"individual-limit" is no suspension',
        ),
        (
            MAIL + DESK + '[desk.intake]\nrecipients = ["abuse@example.net"]\n',
            "desk.intake",
            "reports come in nowhere",
        ),
        (
            MAIL + DESK + '[desk.intake]\nrecipients = ["a@example.net"]\nsmtp = "192.0.2.1:25"\n',
            "desk.intake.smtp",
            "nobody is named who may send",
        ),
        (
            MAIL + DESK + INTAKE + 'http = "192.0.2.1:80"\ntokens_file = "t"\n',
            "desk.intake.http",
            "tokens would go there in the clear",
        ),
        (
            MAIL + DESK + INTAKE + 'http = "127.0.0.1:8025"\n',
            "desk.intake.http",
            "HTTP needs both",
        ),
        (
            MAIL + DESK + '[desk.intake]\nrecipients = []\nlmtp = "127.0.0.1:24"\n',
            "desk.intake.recipients",
            "",
        ),
        (
            MAIL + DESK + '[desk.intake]\nrecipients = ["a@example.net"]\nlmtp = "/run/"\n',
            "desk.intake.lmtp",
            "cannot be the path of a socket",
        ),
    ],
)
def test_what_cannot_be_is_told_with_the_way_out(text: str, key: str, what: str) -> None:
    found = [
        one
        for one in errors(problems(BASE + text if not text.startswith("desk") else text + BASE))
        if one.key == key
    ]
    assert [what in one.what for one in found] == [True], problems(BASE + text)
    assert found[0].way_out


def test_without_a_mail_server_that_tells_whose_a_report_is_check_warns() -> None:
    assert good(WHOLE).desk.authserv_ids == ("mx.example.net",)  # type: ignore[union-attr]
    (told,) = problems(WHOLE.replace('authserv_ids = ["MX.example.net"]\n', ""))
    assert (told.key, told.severity) == ("desk.authserv_ids", Severity.WARNING)
    assert "authserv_ids = [" in told.way_out


def test_where_no_reporter_is_trusted_check_tells_what_follows() -> None:
    of_an_account = TRUSTED.replace("FBL.", "FBL@")
    for text, trusted in (
        (WHOLE, "fbl.example.net"),
        (BASE + MAIL + DESK + of_an_account, "fbl@example.net"),
    ):
        assert good(text).desk.trusted == (trusted,)  # type: ignore[union-attr]
    (told,) = problems(WHOLE.replace(TRUSTED, ""))
    assert (told.key, told.severity) == ("desk.trusted", Severity.WARNING)
    assert "nothing further without a person" in told.what


def test_reports_come_in_where_the_file_says() -> None:
    text = '[desk.intake]\nlmtp = "/run/lmtp"\nsmtp = "127.0.0.1:2525"\nrecipients = ["abuse@example.net"]\n'
    desk = good(WHOLE + text).desk
    assert desk is not None
    assert desk.intake is not None
    assert desk.places == (PurePosixPath("/run/lmtp"), (ip_address("127.0.0.1"), 2525))
    assert desk.intake.recipients == ("abuse@example.net",)
    assert unfollowable(good(WHOLE), good(WHOLE + text))[0] == ("[desk.intake] lmtp and smtp",)
    with_http = text + 'http = "127.0.0.1:8025"\ntokens_file = "reporters"\n'
    assert unfollowable(good(WHOLE + text), good(WHOLE + with_http))[0] == ("[desk.intake] http",)


def test_the_delays_of_the_desk_need_banks_too() -> None:
    classes = "".join(
        f'[class.c{number}]\nmode = "enforce"\ncap = 1\ndelay = "{number + 1}00ms"\n' for number in range(16)
    )
    assert errors(problems(BASE + classes)) == ()
    (told,) = errors(problems(BASE + classes + MAIL + DESK))
    assert "17 different delays" in told.what


def test_a_key_file_is_judged_without_its_words(tmp_path: Path) -> None:
    file = tmp_path / "sekisho.toml"
    file.write_text(WHOLE)
    assert _told(file) == ["desk.key_file"]
    key = tmp_path / "secrets" / "desk"
    key.parent.mkdir()
    key.touch(0o600)
    key.write_text("correct horse battery staple")
    (problem,) = read_whole(file).problems
    assert "line 1 is no key" in problem.what
    assert "openssl rand" in problem.way_out
    assert "horse" not in str(problem)
    key.write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n" * 2)  # a new one before the old one
    assert isinstance(read_whole(file).config, Config)


def test_a_key_for_evidence_is_judged_without_its_words(tmp_path: Path) -> None:
    file, key = tmp_path / "sekisho.toml", tmp_path / "evidence"
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "desk").touch(0o600)
    (tmp_path / "secrets" / "desk").write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
    file.write_text(WHOLE + 'evidence_key_file = "evidence"\n')
    assert _told(file) == ["desk.evidence_key_file"]
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    key.chmod(0o644)
    assert "open to everyone" in read_whole(file).problems[0].what
    key.chmod(0o600)
    assert read_whole(file).problems == ()
    key.write_text("correct horse battery staple")
    (problem,) = read_whole(file).problems
    assert "genpkey" in problem.way_out
    assert "horse" not in str(problem)


def _told(file: Path) -> list[str]:
    return [one.key for one in read_whole(file).problems]
