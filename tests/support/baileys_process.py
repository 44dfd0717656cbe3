"""A second client for the network: npm's Baileys, in a process of its own."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from api_service.frontend.build import FrontendBuildError, Node, find_node
from tests.support.client_process import ClientProcess, follow
from tests.support.whatsapp_network import WhatsAppNetwork

SOURCES: Final = Path(__file__).with_name("baileys")
FILES: Final = ("package.json", "package-lock.json", "client.mjs")
INSTALL_TIMEOUT_S: Final = 300.0


@pytest.fixture(scope="session")
def baileys() -> tuple[Node, Path]:
    """Node.js, and the folder where Baileys is installed for it, by the lock file."""
    try:
        node = find_node()
    except FrontendBuildError as error:
        reason = f"NO TEST AGAINST BAILEYS: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = SOURCES.parents[2] / "var" / "baileys"
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one_at_a_time(folder):
        _install(node, folder)
    return node, folder


@asynccontextmanager
async def run_baileys(
    network: WhatsAppNetwork, baileys: tuple[Node, Path]
) -> AsyncIterator[ClientProcess]:
    """Connect a client that is not linked; the process is gone at the end."""
    node, folder = baileys
    process = await asyncio.create_subprocess_exec(
        *node.node,
        "client.mjs",
        str(network.chat_port),
        network.root_public_key.hex(),
        cwd=folder,
        start_new_session=True,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    async with follow(process, process.stdout) as client:
        yield client


def _install(node: Node, folder: Path) -> None:
    lock = SOURCES / "package-lock.json"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".installed"
    for name in FILES:
        shutil.copy(SOURCES / name, folder / name)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    result = subprocess.run(  # noqa: S603 - our own command line
        [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        env=node.environment(),
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    if result.returncode:
        pytest.fail(f"npm could not install Baileys:\n{result.stdout}{result.stderr}")
    stamp.write_text(wanted)


@contextlib.contextmanager
def _only_one_at_a_time(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
