"""The process behind `neonize_process`: connects, tells what happens, does as it is told.

`python -m tests.support.neonize_client <SQLite store> <file descriptor>`: JSON lines go out on
the descriptor (Go writes on standard output), JSON commands come in on standard input.
"""

import asyncio
import ctypes
import json
import os
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TextIO

from neonize.aioze import events as neonize_events
from neonize.aioze.client import NewAClient

EVENT_NAMES: Final = (
    "ClientOutdated",
    "ConnectFailure",
    "Connected",
    "Disconnected",
    "HistorySync",
    "LoggedOut",
    "PairStatus",
    "StreamError",
    "StreamReplaced",
    "TemporaryBan",
)
# neonize keeps one blocking call per client in the default executor.
THREADS: Final = 16


class Teller:
    def __init__(self, output: TextIO) -> None:
        self._output = output

    def tell(self, kind: str, **details: Any) -> None:
        self._output.write(json.dumps({"kind": kind, **details}) + "\n")
        self._output.flush()

    async def on_qr(self, _client: object, qr: bytes) -> None:
        self.tell("qr", qr=qr.decode())

    def on_status(self, _uuid: object, status: int) -> None:
        self.tell("status", text=ctypes.string_at(status).decode())

    def register(self, client: Any, name: str) -> None:
        async def on_event(_client: object, event: object) -> None:
            self.tell(name, text=str(event))

        client.event(getattr(neonize_events, f"{name}Ev"))(on_event)


async def main(store: str, teller: Teller) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    client = NewAClient(store, uuid="test")
    client.qr(teller.on_qr)
    for name in EVENT_NAMES:
        teller.register(client, name)
    client._NewAClient__onLoginStatus = teller.on_status
    await client.connect()
    async for command in _commands():
        if "pair" in command:
            await _pair(client, command["pair"], teller)
        elif "logout" in command:
            await client.logout()
        elif "stop" in command:
            await client.stop()
            return


async def _pair(client: Any, number: str, teller: Teller) -> None:
    try:
        code = await client.PairPhone(number, True)
    except Exception as error:  # noqa: BLE001 - neonize raises its own and Go's errors
        teller.tell("code_error", text=str(error))
    else:
        teller.tell("code", code=code)


async def _commands() -> AsyncIterator[dict[str, Any]]:
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    async for line in commands:
        yield json.loads(line)


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[2]), "w") as told:
        asyncio.new_event_loop().run_until_complete(main(sys.argv[1], Teller(told)))
        # Threads of neonize may never end, and a tidy exit waits for them.
        os._exit(0)
