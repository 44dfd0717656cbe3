"""The process helper sees ends, logs and what is left behind."""

import signal

import pytest

from tests.support.processes import Starter
from tests.support.waiting import block_until


def test_a_process_is_asked_to_end_and_its_log_is_read(start_process: Starter) -> None:
    process = start_process("http.server", {}, "--bind", "127.0.0.1", "0")
    block_until(lambda: "Serving HTTP" in process.log or process.returncode is not None)
    assert process.returncode is None
    assert process.terminate() == -signal.SIGTERM
    assert process.session_members() == []


def test_the_environment_is_the_given_one_alone(
    start_process: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://from-outside")
    process = start_process("shared.db_migrations", {})
    assert process.wait_exit() == 78
    assert "DATABASE_URL is missing" in process.log


def test_a_process_that_ends_instead_of_serving_fails_the_test_with_its_log(
    start_process: Starter,
) -> None:
    process = start_process("shared.db_migrations", {})
    with pytest.raises(pytest.fail.Exception, match="DATABASE_URL is missing"):
        process.wait_healthy("http://127.0.0.1:9/health")
