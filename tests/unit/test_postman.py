"""Letters reach a real web server and a real mail server, once each, whatever is away or ends meanwhile."""

from __future__ import annotations

import hmac
import json
import socket
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sekisho import sending
from sekisho.daemon import postman as module
from sekisho.daemon.postman import Postmen, carriers
from sekisho.outbox import LONGEST_WAIT, MOST_TRIES, Kind, Letter, mail, webhook
from sekisho.sending import SendError
from tests.system.patience import patience
from tests.system.waiting import until
from tests.unit.configuring import good
from tests.unit.keeping import TEXT
from tests.unit.post_office import SECRET, Hooks, Mails, hooks, mails
from tests.unit.trial_site import AwayStore, day

ALERTS = """\
[alerts.webhook]
url = "{url}"
secret_file = "secret"
[alerts.mail]
server = "127.0.0.1:{port}"
from = "sekisho@example.net"
to = ["noc@example.net"]
"""


@dataclass
class Post:
    """A store with an outbox, the servers, and a clock that the test sets."""

    directory: Path
    hooks: Hooks
    mails: Mails
    now: datetime = field(default_factory=lambda: day(3))
    port: int = 0
    stores: list[AwayStore] = field(default_factory=list)

    def __post_init__(self) -> None:
        secret = self.directory / "secret"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        self.port = self.mails.port
        self.open()

    def open(self) -> None:
        self.stores.append(AwayStore(f"sqlite:///{self.directory / 'store.db'}"))

    @property
    def store(self) -> AwayStore:
        return self.stores[-1]

    def postmen(self, sent: Callable[[], object] = lambda: None) -> Postmen:
        """Return those of a new process; `sent` is called when somebody has taken a letter."""
        config = good(TEXT + ALERTS.format(url=self.hooks.url, port=self.port))

        def told(carry: Callable[[Letter], None]) -> Callable[[Letter], None]:
            def carry_and_tell(letter: Letter) -> None:
                carry(letter)
                sent()

            return carry_and_tell

        made = carriers(lambda: config, self.directory, lambda: self.now)
        return Postmen(
            {kind: told(one) for kind, one in made.items()}, self.store, "gate", utc=lambda: self.now
        )

    def write(self, name: str = "one") -> None:
        with self.store.transaction() as transaction:
            transaction.put_letters(
                "gate",
                [
                    webhook(f"hook_{name}", {"type": "trial.breach", "data": "春"}, self.now),
                    mail(f"mail_{name}", "noc@example.net", "停止", "it is suspended", self.now),
                ],
            )

    def waiting(self) -> int:
        with self.store.reading() as transaction:
            return transaction.letters_waiting().letters


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", patience(60))  # a try that fails waits for a clock
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    with hooks() as web, mails() as server, capture_logs():
        made = Post(tmp_path, web, server)
        yield made
        for store in made.stores:
            store.close()


@contextmanager
def at_work(postmen: Postmen) -> Iterator[Postmen]:
    postmen.start()
    try:
        yield postmen
    finally:
        postmen.stop()


def test_a_webhook_and_a_mail_are_sent_once(post: Post) -> None:
    post.write()
    with at_work(post.postmen()):
        until(lambda: post.waiting() == 0)
    with at_work(post.postmen()) as again:
        again.look()
        post.write("two")
        until(lambda: post.waiting() == 0)
    assert post.hooks.ids() == ["hook_one", "hook_two"]
    assert post.mails.ids() == ["<mail_one@example.net>", "<mail_two@example.net>"]
    first = post.mails.got[0]
    assert (first["From"], first["To"], first["Subject"]) == (
        "sekisho@example.net",
        "noc@example.net",
        "停止",
    )
    assert first.get_content() == "it is suspended\r\n"
    assert first["Auto-Submitted"] == "auto-generated"


def test_the_receiver_can_verify_a_webhook(post: Post) -> None:
    post.write()
    with at_work(post.postmen()):
        until(lambda: post.waiting() == 0)
    (got,) = post.hooks.got
    assert json.loads(got.body) == {"type": "trial.breach", "data": "春"}
    content = b".".join([b"hook_one", got.headers["webhook-timestamp"].encode(), got.body])
    key = b64decode(SECRET.removeprefix("whsec_"))
    signature = b64encode(hmac.new(key, content, sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{signature}"
    assert got.headers["webhook-timestamp"] == str(int(post.now.timestamp()))


@pytest.mark.parametrize("status", [301, 400, 410, 500])
def test_servers_that_refuse_are_tried_again_with_the_same_id(post: Post, status: int) -> None:
    post.hooks.status, post.mails.answer = status, "451 later"
    post.write()
    with at_work(post.postmen()):
        until(lambda: len(post.hooks.got) == 1 and why(post) == 2)
        post.hooks.status, post.mails.answer = 204, "250 taken"
        post.now += timedelta(seconds=4)
        post.now += timedelta(seconds=1)
        until(lambda: post.waiting() == 0)
    assert post.hooks.ids() == ["hook_one", "hook_one"]
    assert post.mails.ids() == ["<mail_one@example.net>"]


def why(post: Post) -> int:
    """Count letters whose last try has failed."""
    with post.store.reading() as transaction:
        later = post.now + timedelta(seconds=5)
        letters = [one for kind in Kind for one in transaction.due_letters("gate", kind, later, 9)]
    return sum(one.attempts == 1 and one.why is not None for one in letters)


def test_a_mail_server_that_is_away_for_a_day_gets_the_mail_when_it_is_back(post: Post) -> None:
    away = socket.socket()
    away.bind(("127.0.0.1", 0))  # it refuses whoever comes, and nobody else can have its port
    post.port = away.getsockname()[1]
    post.write()
    end = post.now + timedelta(days=1)

    def come_back(_: object) -> socket.socket:
        away.listen()
        return away

    with at_work(post.postmen()):
        while post.now < end:
            until(lambda: not is_due(post))
            post.now += timedelta(minutes=15)
        with mails(inside=come_back) as back:
            until(lambda: post.waiting() == 0)
            assert back.ids() == ["<mail_one@example.net>"]
    assert post.hooks.ids() == ["hook_one"], "it has not waited for the mail"


def is_due(post: Post) -> bool:
    with post.store.reading() as transaction:
        return transaction.due_letters("gate", Kind.MAIL, post.now, 1) != ()


def test_a_store_that_is_away_after_a_letter_was_taken_makes_none_go_twice(post: Post) -> None:
    def goes() -> None:
        post.store.is_away = True

    post.write()
    with at_work(post.postmen(goes)):
        until(lambda: post.store.is_away)
        post.store.is_away = False
        until(lambda: read_waiting(post) == 0)
    assert post.hooks.ids() == ["hook_one"]
    assert post.mails.ids() == ["<mail_one@example.net>"]


def read_waiting(post: Post) -> int | None:
    post.store.is_away = False
    return post.waiting()


def test_killed_between_taking_and_writing_it_goes_once_more_under_the_same_id(post: Post) -> None:
    """Nobody can rule out both a second and none; the receiver knows the second by its id."""

    class KilledError(BaseException):
        pass

    def die() -> None:
        raise KilledError

    post.write()
    for one in post.postmen(die)._postmen:
        with pytest.raises(KilledError):
            one.deliver()
    with at_work(post.postmen()):
        until(lambda: post.waiting() == 0)
    assert post.hooks.ids() == ["hook_one", "hook_one"]
    assert post.mails.ids() == ["<mail_one@example.net>"] * 2


def test_a_mail_goes_in_ascii(post: Post) -> None:
    with post.store.transaction() as transaction:
        transaction.put_letters("gate", [mail("short", "noc@example.net", "a", "短い", post.now)])
    with at_work(post.postmen()):
        until(lambda: post.waiting() == 0)
    (got,) = post.mails.got
    assert got["Content-Transfer-Encoding"] == "base64"
    assert got.get_content() == "短い\n"


def kept(post: Post) -> dict[str, tuple[str, str, int]]:
    """Return state, payload and attempts by id."""
    with closing(sqlite3.connect(post.directory / "store.db")) as database:
        rows = database.execute("SELECT id, state, payload, attempts FROM outbox").fetchall()
    return {name: (state, payload, attempts) for name, state, payload, attempts in rows}


REFUSED = "550 5.1.1 <noc@example.net> unknown"


@pytest.mark.parametrize(
    ("answers", "code"),
    [({"recipient": REFUSED}, "550"), ({"answer": "554 5.7.1 noc@example.net: no"}, "554")],
)
def test_what_a_mail_server_refuses_for_good_is_given_up_at_once(
    post: Post, answers: dict[str, str], code: str
) -> None:
    vars(post.mails).update(answers)
    post.write()
    with capture_logs() as logged, at_work(postmen := post.postmen()):
        assert postmen.given_up["mail"] <= 1
        until(lambda: post.waiting() == 0)
    assert postmen.given_up == {"webhook": 0, "mail": 1}
    assert kept(post)["mail_one"] == ("given-up", "", 0)
    (error,) = [one for one in logged if one["log_level"] == "error"]
    assert (error["id"], error["attempts"]) == ("mail_one", 1)
    assert code in error["why"]
    with post.store.reading() as transaction:
        (told,) = transaction.letters_given_up(9)
        assert transaction.letters_given_up(9, "mail_") == (told,)
        assert transaction.letters_given_up(9, "mail%") == ()
    assert (told.letter, told.at, told.why) == ("mail_one", post.now, error["why"])
    assert "noc@" not in str(logged)


@pytest.mark.parametrize(
    "answers",
    [
        {"recipient": "450 4.2.1 later"},
        {"answer": "452 4.3.1 no room"},
        {"sender": "550 5.7.1 we do not know you"},  # which the configuration mends
    ],
)
def test_what_may_be_taken_later_is_tried_again(post: Post, answers: dict[str, str]) -> None:
    usual = {key: getattr(post.mails, key) for key in answers}
    vars(post.mails).update(answers)
    post.write()
    with at_work(post.postmen()):
        until(lambda: why(post) == 1)
        vars(post.mails).update(usual)
        post.now += timedelta(seconds=5)
        until(lambda: post.waiting() == 0)
    assert post.mails.ids() == ["<mail_one@example.net>"]


@pytest.mark.parametrize(
    ("to", "subject"),
    [("noc@example.net", "two\nlines"), ("苦情@example.net", "x"), ("", "x"), ("a b c", "x")],
)
def test_letters_that_nobody_can_write_end_and_keep_no_other_back(post: Post, to: str, subject: str) -> None:
    with post.store.transaction() as transaction:
        broken = [mail(f"broken{number}", to, subject, "x", post.now) for number in range(25)]
        transaction.put_letters("gate", [*broken, mail("good", "noc@example.net", "a", "b", post.now)])
    with capture_logs() as logged, at_work(post.postmen()):
        until(lambda: post.waiting() == 0)
    assert post.mails.ids() == ["<good@example.net>"]
    states = {name: one[:2] for name, one in kept(post).items()}
    assert states.pop("good") == ("sent", "")
    assert set(states.values()) == {("given-up", "")}
    assert not to or to not in str(logged)


def test_what_fails_by_our_fault_is_a_try_and_keeps_no_other_back(post: Post) -> None:
    taken: list[str] = []

    def carry(letter: Letter) -> None:
        if letter.id.startswith("broken"):
            raise RuntimeError(letter.id)
        taken.append(letter.id)

    with post.store.transaction() as transaction:
        broken = [mail(f"broken{number}", "noc@example.net", "a", "b", post.now) for number in range(25)]
        transaction.put_letters("gate", [*broken, mail("good", "noc@example.net", "a", "b", post.now)])
    postman = module.Postman(Kind.MAIL, carry, post.store, "gate", utc=lambda: post.now)
    with capture_logs() as logged:
        for _ in range(3):
            postman.deliver()
    assert taken == ["good"]
    assert post.waiting() == 25
    assert {(state, attempts) for state, _, attempts in kept(post).values()} == {("waiting", 1), ("sent", 0)}
    assert sum("our fault: please report" in one["event"] for one in logged) == 1


def test_without_a_table_for_it_a_letter_waits_and_the_reason_is_told(post: Post) -> None:
    config = good(TEXT)
    letter = mail("one", "noc@example.net", "a", "b", post.now)
    for kind, words in ((Kind.WEBHOOK, r"no \[alerts.webhook\]"), (Kind.MAIL, r"no \[alerts.mail\]")):
        with pytest.raises(SendError, match=words):
            carriers(lambda: config, post.directory, lambda: post.now)[kind](letter)


def test_a_secret_that_cannot_be_used_is_told_without_its_words(post: Post) -> None:
    (post.directory / "secret").write_text("the words of it")
    config = good(TEXT + ALERTS.format(url=post.hooks.url, port=1))
    with pytest.raises(SendError, match="begins with") as refused:
        carriers(lambda: config, post.directory, lambda: post.now)[Kind.WEBHOOK](webhook("one", {}, post.now))
    assert "the words" not in str(refused.value)


def test_one_that_nobody_takes_for_five_days_is_given_up(post: Post) -> None:
    tries: list[str] = []

    def refuse(letter: Letter) -> None:
        tries.append(letter.id)
        raise SendError("mail server mx:25 has not taken it: the recipient is refused (550)")

    post.write()
    postman = module.Postman(Kind.MAIL, refuse, post.store, "gate", utc=lambda: post.now)
    begin = post.now
    while post.waiting() == 2:
        postman.deliver()
        post.now += LONGEST_WAIT
    assert tries == ["mail_one"] * MOST_TRIES
    assert timedelta(days=5) <= post.now - begin < timedelta(days=6)
    with closing(sqlite3.connect(post.directory / "store.db")) as database:
        assert database.execute("SELECT payload FROM outbox WHERE id = 'mail_one'").fetchall() == [("",)]
