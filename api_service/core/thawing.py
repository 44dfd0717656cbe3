"""A frozen salon whose owner comes back after YClients has taken it up again."""

from typing import Final

import structlog

from api_service.core.linking import SessionLine, deadline_ms
from api_service.core.orders import carried_out
from shared.bus.connection import BusError
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.errors import AppError
from shared.messages.commands import Thaw
from shared.messages.envelope import new_id

_log = structlog.get_logger(__name__)

DEADLINE_S: Final = 2.0
"""The owner waits. A session says that it is thawed before its connection is open."""


class Thawing:
    def __init__(self, line: SessionLine) -> None:
        self._line = line

    async def request(self, session_id: SessionId) -> bool:
        """Whether the salon's WhatsApp is thawed; if not, everything stays frozen."""
        command = Thaw(
            command_id=new_id(),
            company_id=session_id,
            issued_at=now_ms(),
            expires_at=deadline_ms(DEADLINE_S),
        )
        try:
            result = await carried_out(self._line, command, DEADLINE_S)
        except (AppError, BusError, OSError, TimeoutError) as error:
            _log.warning("thaw_not_answered", company_id=session_id, error=type(error).__name__)
            return False
        return result.success
