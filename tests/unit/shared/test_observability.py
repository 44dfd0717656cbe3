"""What is logged by anybody passes one masking chain, and Sentry gets its tags."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from shared.masking import hide
from shared.observability import (
    capture,
    configure_logging,
)
from shared.settings import CommonSettings, LogSettings
from tests.support.processes import ROOT
from tests.support.sentry import sentry_events

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzYWxvbl9pZCI6MTAwMX0.c2lnbmF0dXJl"
LEAKS = ["7999", "999 000", "eyJ", "pa55word"]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging(LogSettings(), component="test")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    hide([])


def test_a_library_and_we_share_one_masking_json_log(log: io.StringIO) -> None:
    structlog.get_logger("ours").info("linked", phone="79990000001", company_id="company_1001")
    logging.getLogger("library").warning("number %s, token %s", "79990000001", TOKEN)
    try:
        fail("no route for +7 999 000-00-01")
    except ValueError:
        structlog.get_logger("ours").exception("failed")

    ours, library, failed = (json.loads(line) for line in log.getvalue().splitlines())
    assert ours["event"] == "linked"
    assert ours["company_id"] == "company_1001"
    assert ours["component"] == library["component"] == "test"
    assert "ValueError" in failed["exception"]
    assert not [leak for leak in LEAKS if leak in log.getvalue()]


def fail(text: str) -> None:
    raise ValueError(text)


SCRIPT = """
import gc, sys, threading, warnings
from shared.observability import configure_logging, log_what_nobody_caught
from shared.settings import LogSettings

configure_logging(LogSettings(), component="test")
log_what_nobody_caught()

class Bad:
    def __del__(self):
        raise ValueError("destructor +7 999 000-00-01")

def work():
    raise ValueError("thread 79990000001")

Bad()
gc.collect()
thread = threading.Thread(target=work)
thread.start()
thread.join()
warnings.warn("warning of 79990000001")
raise ValueError("last words of 79990000001 ABCD1234")
"""


def test_what_nobody_caught_is_masked_too() -> None:
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False
    )

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert [line["event"] for line in lines][:2] == ["error_ignored", "thread_failed"]
    assert lines[-1]["event"] == "process_failed"
    for part in ("destructor", "thread", "warning of", "last words of"):
        assert part in done.stderr
    assert not [leak for leak in (*LEAKS, "ABCD1234") if leak in done.stderr + done.stdout]


def test_what_the_settings_hide_is_hidden_wherever_it_stands(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", log)
    settings = CommonSettings(
        database_url="postgresql://ai:data%2Fpa55word@db/x", redis_url="redis://:cache-pa55word@x"
    )
    configure_logging(settings, component="test")

    structlog.get_logger("ours").info("connecting as data/pa55word", to="x data%2Fpa55word x")
    logging.getLogger("library").warning("AUTH cache-pa55word failed")

    assert log.getvalue().count("<masked>") == 3
    assert "pa55word" not in log.getvalue()


def test_an_error_reaches_sentry_with_its_tags_and_without_secrets() -> None:
    with sentry_events() as events:
        try:
            fail("no session for 79990000001")
        except ValueError as error:
            capture(error, operation="link", company_id="company_1001")

    [event] = events
    assert event["tags"] == {"component": "api", "operation": "link", "company_id": "company_1001"}
    assert "7999" not in json.dumps(event, default=str)
