"""Commands that a session has been given, until each is done, or is somebody else's."""

import asyncio
from typing import Final

from shared.bus.commands import MovedError
from shared.clock import now_ms
from shared.messages.commands import Command

ANSWER_GRACE_S: Final = 5.0


def settle(done: asyncio.Future[None]) -> None:
    """The command has had its effect, or was answered; whoever waited may have gone."""
    if not done.done():
        done.set_result(None)


class InHand:
    def __init__(self) -> None:
        self._under_way: set[asyncio.Future[None]] = set()

    async def wait_for(self, command: Command, done: asyncio.Future[None]) -> None:
        """Raises TimeoutError some time after the command's expiry, and what ``done`` raises."""
        self._under_way.add(done)
        patience_s = max(0, command.expires_at - now_ms()) / 1000 + ANSWER_GRACE_S
        try:
            async with asyncio.timeout(patience_s):
                await done
        finally:
            self._under_way.discard(done)

    def move_on(self) -> None:
        """The session has ended: whoever waits is told to ask its owner."""
        for done in self._under_way:
            if not done.done():
                done.set_exception(MovedError())
