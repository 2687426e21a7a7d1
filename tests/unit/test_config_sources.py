"""Sources of leases beside RADIUS, in the configuration."""

from __future__ import annotations

import re

import pytest

from sekisho.config import parse
from sekisho.lines.kea import KeaNaming
from sekisho.lines.radius import Naming
from tests.unit.configuring import BASE, SHIPPED, good

URL = 'url = "postgresql+psycopg://radius@db.example/radius"\n'


def test_without_them_there_are_none() -> None:
    config = good(BASE)
    assert (config.static_list, config.kea, config.radacct) == (None, None, None)


@pytest.mark.parametrize("file", ["lines.csv", "/srv/lists/lines.toml"])
def test_a_file_with_a_list(file: str) -> None:
    listed = good(BASE + f'[lines]\nfile = "{file}"\n').static_list
    assert listed is not None
    assert listed.file == file


def test_kea_needs_no_more_than_its_table() -> None:
    kea = good(BASE + "[kea]\n").kea
    assert kea is not None
    assert kea.user == "_kea"
    assert kea.line == (KeaNaming.CIRCUIT_ID, KeaNaming.CLIENT_ID, KeaNaming.HARDWARE)


def test_a_table_of_accounting() -> None:
    radacct = good(
        BASE + "[radacct]\n" + URL + 'every = "1m"\nline = ["user-name"]\nzone = "Asia/Tokyo"\n'
    ).radacct
    assert radacct is not None
    assert (radacct.every_ms, radacct.line, radacct.zone) == (60_000, (Naming.USER_NAME,), "Asia/Tokyo")
    assert good(BASE + '[radacct]\nurl_file = "secrets/radacct"\n').radacct is not None


def test_the_shipped_example_shows_every_key_and_its_default() -> None:
    text = SHIPPED.read_text()
    stated = text[text.index("#[lines]") :]
    config = good(BASE + re.sub(r"^#(?=[a-z[])", "", stated, flags=re.MULTILINE))
    assert config.static_list is not None
    for name in ("kea", "radacct"):
        table = getattr(config, name)
        for key, field in type(table).model_fields.items():
            assert re.search(rf"^#?{field.alias or key} *=|url_file =", stated, re.MULTILINE), key
            if key not in ("url", "zone"):
                assert getattr(table, key) == field.default


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ("[lines]\n", "lines.file", "this key is needed"),
        ('[lines]\nfile = "lines.xlsx"\n', "lines.file", "ends neither in .csv nor in .toml"),
        ('[lines]\nfile = ""\n', "lines.file", "ends neither"),
        ("[lines]\nfile = 5\n", "lines.file", "5 is not a text"),
        ("[kea]\nline = []\n", "kea.line", "the list is empty"),
        ('[kea]\nline = ["hardware", "hardware"]\n', "kea.line[1]", "is there twice"),
        ('[kea]\nline = ["flex-id"]\n', "kea.line[0]", '"flex-id" is not one of the choices'),
        ('[kea]\nuser = ""\n', "kea.user", "the text is empty"),
        ("[radacct]\n", "radacct.url", "neither says where the database is"),
        ("[radacct]\n" + URL + 'url_file = "x"\n', "radacct.url", "both say where the database is"),
        ("[radacct]\n" + URL + "line = []\n", "radacct.line", "the list is empty"),
        ("[radacct]\n" + URL + 'every = "10ms"\n', "radacct.every", "out of bounds"),
        ("[radacct]\n" + URL + 'zone = "Asia/Atlantis"\n', "radacct.zone", "is no time zone known here"),
        ("[radacct]\n" + URL + 'zone = "../../etc/passwd"\n', "radacct.zone", "is no time zone known here"),
        ("[radacct]\n" + URL + 'zone = ""\n', "radacct.zone", "is no time zone known here"),
        ('[radacct]\nurl = "db.example"\n', "radacct.url", "is no url of a database"),
        (
            '[radacct]\nurl = "postgresql+psycopg://radius:hush@db.example/radius"\n',
            "radacct.url",
            "a password stands in it",
        ),
        *(
            (
                f'[radacct]\nurl = "postgresql://db.example/radius?{query}"\n',
                "radacct.url",
                "a password stands in it",
            )
            for query in ("password=hush", "user=radius&password=hush", "sslpassword=hush")
        ),
        ("[[kea]]\n", "kea", "is not a table"),
    ],
)
def test_what_cannot_be_is_refused(text: str, key: str, what: str) -> None:
    checked = parse((BASE + text).encode())
    assert checked.config is None
    assert [one for one in checked.problems if one.key == key and what in one.what], checked.problems
    assert not any("hush" in one.sentence("") for one in checked.problems)
