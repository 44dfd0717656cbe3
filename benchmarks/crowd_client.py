"""A process that holds many onboarding pages open: real Socket.IO over WebSocket.

``python -m benchmarks.crowd_client URL FIRST_SALON PAGES``: says ``ready`` when all are let in,
``arrived`` when each has its event, and what arrived where when a line comes in.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from shared.company_id import SalonId
from tests.support.api import token_for
from tests.support.page import Link, Page, open_link
from tests.support.waiting import wait_until

FIRST_SALON: Final = 1_000_000
AT_ONCE: Final = 20
CONNECT_S: Final = 180.0
ARRIVE_S: Final = 60.0
MAX_LINE: Final = 4 * 1024 * 1024


class LoadProcess:
    """The measurement's end of it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def start(cls, url: str, first: int, pages: int) -> AsyncIterator["LoadProcess"]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.crowd_client", url, str(first), str(pages)),
            cwd=Path(__file__).parents[1],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MAX_LINE,
        )
        try:
            yield cls(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def ready(self) -> None:
        await self._expect("ready", CONNECT_S)

    async def arrivals(self) -> dict[int, list[float]]:
        """Seconds of the epoch at which each salon's page heard its event."""
        await self._expect("arrived", ARRIVE_S)
        assert self._process.stdin
        self._process.stdin.write(b"report\n")
        heard: dict[str, list[float]] = json.loads(await self._line(ARRIVE_S))
        return {int(salon): at for salon, at in heard.items()}

    async def _expect(self, word: str, timeout_s: float) -> None:
        line = await self._line(timeout_s)
        if line.strip() != word.encode():
            raise RuntimeError(f"the load process ended instead of: {word}")

    async def _line(self, timeout_s: float) -> bytes:
        assert self._process.stdout
        return await asyncio.wait_for(self._process.stdout.readline(), timeout_s)


class TimedPage(Page):
    """Notes when it is told that its salon's session connects."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.heard_at: list[float] = []

    async def _take(self, packet: str) -> None:
        if '"connecting"' in packet:
            self.heard_at.append(time.time())
        await super()._take(packet)


async def main(url: str, first: int, pages: int) -> None:
    slots = asyncio.Semaphore(AT_ONCE)
    crowd: dict[int, TimedPage] = {}

    async def come(salon: int) -> None:
        async with slots:
            page = TimedPage(await open_link(url))
            await page.enter({"token": token_for(SalonId(salon))})
            await page.next("status")
            crowd[salon] = page

    async with AsyncExitStack() as stack:
        await asyncio.gather(*(come(salon) for salon in range(first, first + pages)))
        for page in crowd.values():
            stack.push_async_callback(page.close)
        _say("ready")
        await wait_until(lambda: all(page.heard_at for page in crowd.values()), ARRIVE_S, "events")
        _say("arrived")
        await asyncio.to_thread(sys.stdin.readline)
        _say(json.dumps({salon: page.heard_at for salon, page in crowd.items()}))
        stack.pop_all()  # the parent ends us; a thousand polite goodbyes would take long


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
