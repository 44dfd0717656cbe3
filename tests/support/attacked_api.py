"""The real application in a process of its own, for tools that wait for each of its answers.

Not on a thread: Hypothesis takes what the application does with ``random`` for a fault of its own.
"""

import asyncio
import contextlib
import multiprocessing
from collections.abc import AsyncIterator, Iterator
from multiprocessing.connection import Connection

from api_service.settings import ApiSettings
from shared.messages.commands import Command
from tests.support.api import running_api
from tests.support.whatsapp_side import whatsapp_side

START_S = 90.0
"""It imports everything anew: on a busy machine that has taken more than 30 s."""
END_S = 20.0


@contextlib.contextmanager
def attacked_api(settings: ApiSettings) -> Iterator[str]:
    """Its URL. A WhatsApp side gives a QR to whoever asks, so that nobody waits for one."""
    ours, theirs = multiprocessing.Pipe()
    spawning = multiprocessing.get_context("spawn")
    process = spawning.Process(target=_serve, args=(settings, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        assert ours.poll(START_S), "the application does not start"
        yield ours.recv()
    finally:
        ours.close()
        process.join(END_S)
        process.kill()
        process.join(END_S)


def _serve(settings: ApiSettings, parent: Connection) -> None:
    asyncio.run(_serve_until_told(settings, parent))


async def _serve_until_told(settings: ApiSettings, parent: Connection) -> None:
    """Told by the other end's being closed, which a killed parent does as well."""
    async with _running(settings) as url:
        parent.send(url)
        with contextlib.suppress(EOFError):
            await asyncio.to_thread(parent.recv)


@contextlib.asynccontextmanager
async def _running(settings: ApiSettings) -> AsyncIterator[str]:
    async with (
        whatsapp_side(settings.redis_url.get_secret_value()) as whatsapp,
        running_api(settings) as api,
    ):

        async def react(command: Command) -> None:
            await whatsapp.qr(command.company_id, "qr-text")

        whatsapp.reaction = react
        yield api.url
