"""What the log tells of an exception: where and of which kind, and nothing of its text."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """\
import logging
import threading

import structlog

from sekisho.daemon.logs import set_up_logs

SECRET = "home-" + str(6 + 1)


def fail_by_another():
    try:
        {SECRET: 1}["100.64.0." + str(7)]
    except KeyError as error:
        raise ValueError(SECRET) from error


def fail_meanwhile():
    try:
        {}[SECRET]
    except KeyError:
        error = TypeError(SECRET)
        error.add_note(SECRET)
        raise error


def fail_together():
    raise ExceptionGroup(SECRET, [ValueError(SECRET), OSError(2, SECRET, SECRET)])


def fail_in_a_ring():
    error = ValueError(SECRET)
    error.__cause__ = KeyError(SECRET)
    error.__cause__.__cause__ = error
    raise error


def log_structured(fail):
    try:
        fail()
    except Exception as error:
        structlog.get_logger().exception("it failed")


def log_given(fail):
    try:
        fail()
    except Exception as error:
        structlog.get_logger().error("it failed", exc_info=error)


def log_as_libraries_do(fail):
    try:
        fail()
    except Exception:
        logging.getLogger("uvicorn.error").exception("it failed")


def let_a_thread_end(fail):
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


def let_the_process_end(fail):
    fail()


set_up_logs()
"""
WAYS = ["log_structured", "log_given", "log_as_libraries_do", "let_a_thread_end", "let_the_process_end"]
FAULTS = {
    "fail_by_another": ("builtins.KeyError", "builtins.ValueError"),
    "fail_meanwhile": ("builtins.KeyError", "builtins.TypeError"),
    "fail_together": ("ExceptionGroup", "builtins.ValueError", "builtins.FileNotFoundError"),
    "fail_in_a_ring": ("builtins.KeyError", "builtins.ValueError"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_an_exception_is_told_without_its_text(way: str, fault: str) -> None:
    program = [sys.executable, "-c", f"{SCRIPT}\n{way}({fault})\n"]
    told = subprocess.run(program, stderr=subprocess.PIPE, text=True, timeout=60, check=False).stderr
    places = [told.index(kind) for kind in FAULTS[fault]]
    assert places == sorted(places)
    assert f"in {fault}" in told
    assert "home-7" not in told
    assert "100.64.0.7" not in told
