"""A bare neonize client: the library alone, without the project's own code around it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.client_process import ClientProcess, follow


@asynccontextmanager
async def run_neonize(environment: dict[str, str], store: Path) -> AsyncIterator[ClientProcess]:
    """Connect a client with an SQLite store; the process is gone at the end.

    Events are `qr`, `code`, `code_error`, `status` (the end of linking) and neonize's own names.
    """
    receiving, sending = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.neonize_client",
            str(store),
            str(sending),
            cwd=Path(__file__).parents[2],
            env={**os.environ, **environment},
            start_new_session=True,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(sending,),
        )
    finally:
        os.close(sending)
    events = asyncio.StreamReader()
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(events), os.fdopen(receiving, "rb")
    )
    try:
        async with follow(process, events) as client:
            yield client
    finally:
        pipe.close()
