"""Unlinking a salon at its owner's wish."""

from api_service.core.linking import measured
from api_service.core.session_orders import OrderFailedError, SessionOrders
from shared.company_id import SessionId
from shared.errors import AppError, ErrorCode


class Unlinking:
    def __init__(self, orders: SessionOrders) -> None:
        self._orders = orders

    async def request(self, session_id: SessionId) -> None:
        """Returns when nothing is linked any more; every page has been told by an event, if it was.

        Raises AppError(UNLINK_FAILED), AppError(SERVICE_UNAVAILABLE) while no WhatsApp process
        lives, redis.exceptions.RedisError.
        """
        with measured("unlink"):
            try:
                await self._orders.unlink(session_id)
            except OrderFailedError as error:
                raise AppError(ErrorCode.UNLINK_FAILED, cause=error.code) from None
