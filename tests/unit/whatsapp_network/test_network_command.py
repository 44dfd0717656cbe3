"""`python -m sandbox.whatsapp_network` as a supervisor runs it."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.whatsapp_network import state_file

TIMEOUT_S = 60


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", "sandbox.whatsapp_network", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_tells_where_it_listens_and_ends_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    with start(f"--data-dir={tmp_path}") as process:
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", ready["chat_port"])):
            process.send_signal(number)
            assert process.wait(TIMEOUT_S) == 0
    assert ready["client_library"] is None
    assert state_file.load(tmp_path / state_file.FILE_NAME).chat_port == ready["chat_port"]


def test_taken_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start(f"--control-port={port}") as process:
            output, complaint = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, output) == (2, "")
    assert complaint.splitlines() == [
        f"whatsapp network: port {port} is in use; stop what uses it or choose another"
    ]


def test_broken_data_folder_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / state_file.FILE_NAME
    path.write_text("{")
    with start(f"--data-dir={tmp_path}") as process:
        output, complaint = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, output) == (2, "")
    assert complaint.splitlines() == [
        f"whatsapp network: {path} cannot be used; remove it to begin anew"
    ]
