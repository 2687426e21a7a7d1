"""Reads a configuration with the files that it names: the list of lines, the secrets of RADIUS clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sekisho.config import Checked, Config, Finding, Severity, also, errors, parse
from sekisho.config.desk_nas import NasTable
from sekisho.daemon.desk_templates import check_templates
from sekisho.daemon.desk_tokens import read_tokens
from sekisho.gate import GateError
from sekisho.lines.radius_secrets import SAFE_LENGTH, SecretError, read_clients, read_secret
from sekisho.lines.static_list import CheckedList, ListKind, read_list
from sekisho.outbox import SECRET_WAY_OUT, read_webhook_secret
from sekisho.sealing import KEY_WAY_OUT, Sealer, SealError
from sekisho.signing import SIGNING_WAY_OUT, Signer, SignError

_MOST_TOLD = 20  # errors of a list in one go


def read_whole(file: Path) -> Checked:
    """Read and check a configuration and the files it names. Raises OSError for the configuration itself."""
    content = file.read_bytes()
    checked = parse(content)
    if checked.config is None:
        return checked
    return also(checked, content, _beside(checked.config, file.parent))


def read_checked(file: Path) -> Checked:
    """Read and check a configuration with the files it names. Raises GateError where it cannot be read."""
    try:
        return read_whole(file)
    except OSError as error:
        raise GateError(f"{file} cannot be read ({error.strerror}): name a configuration file") from error


def read_file_list(config: Config, directory: Path) -> CheckedList | None:
    """Read the static list of a configuration, None where it names none. Raises OSError."""
    if config.static_list is None:
        return None
    file = directory / config.static_list.file
    return read_list(file.read_bytes(), ListKind(file.suffix.removeprefix(".")), config)


def _beside(config: Config, directory: Path) -> Iterator[Finding]:
    yield from read_clients(config.radius_clients, directory)[1]
    if config.radacct is not None and config.radacct.url_file is not None:
        yield from _of_url(directory / config.radacct.url_file)
    if config.alerts is not None and config.alerts.webhook is not None:
        yield from _of_webhook(directory / config.alerts.webhook.secret_file)
    if config.desk is not None:
        yield from _of_desk(directory / config.desk.key_file)
        if config.desk.evidence_key_file is not None:
            yield from _of_evidence(directory / config.desk.evidence_key_file)
        yield from _of_nases(config.desk.nases, directory)
        if config.desk.intake is not None and config.desk.intake.tokens_file is not None:
            yield from _of_tokens(directory / config.desk.intake.tokens_file)
        if config.desk.notices is not None:
            yield from check_templates(config.desk.notices, directory)
    if config.static_list is not None:
        yield from _of_list(config, config.static_list.file, directory)


def _of_url(file: Path) -> Iterator[Finding]:
    try:
        read_secret(file)
    except SecretError as error:
        yield Finding(("radacct", "url_file"), *error.args)


def _of_webhook(file: Path) -> Iterator[Finding]:
    key = ("alerts", "webhook", "secret_file")
    try:
        read_webhook_secret(read_secret(file))
    except SecretError as error:
        yield Finding(key, *error.args)
    except ValueError as error:
        yield Finding(key, f"{file}: {error}", SECRET_WAY_OUT)


def _of_desk(file: Path) -> Iterator[Finding]:
    key = ("desk", "key_file")
    try:
        Sealer(read_secret(file, is_one=False))
    except SecretError as error:
        yield Finding(key, *error.args)
    except SealError as error:
        yield Finding(key, f"{file}: {error}", KEY_WAY_OUT)


def _of_evidence(file: Path) -> Iterator[Finding]:
    key = ("desk", "evidence_key_file")
    try:
        Signer(read_secret(file, is_one=False))
    except SecretError as error:
        yield Finding(key, *error.args)
    except SignError as error:
        yield Finding(key, f"{file}: {error}", SIGNING_WAY_OUT)


def _of_tokens(file: Path) -> Iterator[Finding]:
    try:
        read_tokens(file)
    except SecretError as error:
        yield Finding(("desk", "intake", "tokens_file"), *error.args)


def _of_nases(nases: Sequence[NasTable], directory: Path) -> Iterator[Finding]:
    for index, nas in enumerate(nases):
        key = ("desk", "nas", index, "secret_file")
        try:
            secret = read_secret(directory / nas.secret_file)
        except SecretError as error:
            yield Finding(key, *error.args)
            continue
        if len(secret) < SAFE_LENGTH:
            what = f"the secret has {len(secret)} characters, which can be found out from one packet"
            yield Finding(key, what, f"take {SAFE_LENGTH} or more, by chance", Severity.WARNING)


def _of_list(config: Config, name: str, directory: Path) -> Iterator[Finding]:
    """Tell what is wrong with a list, by the key that names it."""
    key = ("lines", "file")
    try:
        checked = read_file_list(config, directory)
    except OSError as error:
        yield Finding(key, f"{directory / name} cannot be read ({error.strerror})", "write the list into it")
        return
    problems = () if checked is None else checked.problems
    for problem in problems[:_MOST_TOLD]:
        yield Finding(key, f"{name}:{problem.line}: {problem.what}", problem.way_out, problem.severity)
    if len(problems) > _MOST_TOLD:
        severity = Severity.ERROR if errors(problems) else Severity.WARNING
        what = f"{name} has {len(problems) - _MOST_TOLD:,} more problems"
        yield Finding(key, what, "mend these first", severity)
