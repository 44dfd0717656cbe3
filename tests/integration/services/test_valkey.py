"""Embedded Valkey: what is written stays, and a server that cannot start says why."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from redis import Redis

from sandbox.services import valkey
from sandbox.services.errors import SandboxError
from sandbox.services.ports import free_port
from sandbox.services.server import RunningServer
from sandbox.services.valkey import ValkeySetup


@contextmanager
def running(setup: ValkeySetup) -> Iterator[RunningServer]:
    server = valkey.start(setup)
    try:
        yield server
    finally:
        server.stop()


def test_a_restart_keeps_the_data(tmp_path: Path) -> None:
    setup = ValkeySetup(tmp_path / "val key", free_port())
    with running(setup), Redis.from_url(setup.url()) as client:
        client.xadd("stream", {"field": "value"})
    with running(setup), Redis.from_url(setup.url()) as client:
        assert client.xlen("stream") == 1


def test_a_killed_server_starts_again_with_its_data(tmp_path: Path) -> None:
    setup = ValkeySetup(tmp_path / "valkey", free_port())
    with running(setup) as server:
        with Redis.from_url(setup.url()) as client:
            client.set("kept", "yes")
            assert client.waitaof(1, 0, 30_000) == [1, 0]
        os.kill(server.pid, signal.SIGKILL)
    with running(setup), Redis.from_url(setup.url()) as client:
        assert client.get("kept") == b"yes"


def test_it_listens_on_loopback_alone(tmp_path: Path) -> None:
    setup = ValkeySetup(tmp_path / "valkey", free_port())
    with running(setup) as server:
        connections = psutil.Process(server.pid).net_connections(kind="tcp")
    listening = [tuple(c.laddr) for c in connections if c.status == psutil.CONN_LISTEN]
    assert listening == [("127.0.0.1", setup.port)]


def test_damaged_data_is_reported_in_the_servers_own_words(tmp_path: Path) -> None:
    setup = ValkeySetup(tmp_path / "valkey", free_port())
    with running(setup), Redis.from_url(setup.url()) as client:
        client.set("kept", "yes")
    [log] = (setup.folder / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(b"nonsense" * 100)
    with pytest.raises(SandboxError, match=r"Valkey did not start: Bad file format.*valkey\.log"):
        valkey.start(setup)


def test_a_taken_port_is_reported_in_the_servers_own_words(tmp_path: Path) -> None:
    setup = ValkeySetup(tmp_path / "first", free_port())
    with running(setup), pytest.raises(SandboxError, match="Address already in use"):
        RunningServer(valkey.prepare(ValkeySetup(tmp_path / "second", setup.port))).wait_ready(
            lambda: False, timeout_s=30
        )


def test_a_start_waits_for_the_server_before_it_to_end(tmp_path: Path) -> None:
    setup = ValkeySetup(tmp_path / "valkey", free_port())
    first = valkey.start(setup)
    psutil.Process(first.pid).send_signal(signal.SIGTERM)
    with running(setup) as second:
        assert second.pid != first.pid
    first.stop()
