"""A frozen salon whose owner comes back after YClients has taken it up again."""

from typing import Final

import structlog

from api_service.core.session_orders import SessionOrders
from shared.bus.connection import BusError
from shared.company_id import SessionId
from shared.errors import AppError

_log = structlog.get_logger(__name__)

DEADLINE_S: Final = 2.0
"""The owner waits. A session says that it is thawed before its connection is open."""


class Thawing:
    def __init__(self, orders: SessionOrders) -> None:
        self._orders = orders

    async def request(self, session_id: SessionId) -> bool:
        """Whether the salon's WhatsApp is thawed; if not, everything stays frozen."""
        try:
            await self._orders.thaw(session_id, DEADLINE_S)
        except (AppError, BusError, OSError) as error:
            _log.warning("thaw_not_answered", company_id=session_id, error=type(error).__name__)
            return False
        return True
