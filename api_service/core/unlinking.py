"""Unlinking a salon at its owner's wish."""

from typing import Final

from api_service.core.linking import SessionLine, deadline_ms, measured
from api_service.core.orders import carried_out
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.errors import AppError, ErrorCode
from shared.messages.commands import Unlink
from shared.messages.envelope import new_id

DEADLINE_S: Final = 18.0
"""The WhatsApp process gives itself 8 s for a connection and 6 s for WhatsApp's answer."""


class Unlinking:
    def __init__(self, line: SessionLine) -> None:
        self._line = line

    async def request(self, session_id: SessionId) -> None:
        """Returns when nothing is linked any more; every page has been told by an event, if it was.

        Raises AppError(UNLINK_FAILED), AppError(SERVICE_UNAVAILABLE) while no WhatsApp process
        lives, redis.exceptions.RedisError.
        """
        with measured("unlink"):
            deadline_s = DEADLINE_S - await self._line.owners.wait_for_one(DEADLINE_S)
            command = Unlink(
                command_id=new_id(),
                company_id=session_id,
                issued_at=now_ms(),
                expires_at=deadline_ms(deadline_s),
            )
            try:
                result = await carried_out(self._line, command, deadline_s)
            except TimeoutError:
                raise AppError(ErrorCode.UNLINK_FAILED) from None
            if not result.success:
                raise AppError(ErrorCode.UNLINK_FAILED, cause=result.code)
