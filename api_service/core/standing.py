"""How a salon stands in the marketplace, for pages: never worth waiting long for."""

import structlog

from api_service.store.activations import ActivationState, IntegrationStatus, read_activation
from shared.company_id import SalonId
from shared.db import DatabaseError, Pool, within
from shared.errors import AppError, ErrorCode

_log = structlog.get_logger(__name__)

PATIENCE_S = 1.5


class Standing:
    def __init__(self, database: Pool) -> None:
        self._database = database

    async def of(self, salon_id: SalonId) -> ActivationState | None:
        """None for a salon that is not known, and while Postgres does not tell."""
        try:
            return await within(PATIENCE_S, self._read(salon_id))
        except (DatabaseError, TimeoutError) as error:
            _log.warning("standing_not_read", error=type(error).__name__)
            return None

    async def require_installed(self, salon_id: SalonId) -> None:
        """A token outlives its salon's application. Raises AppError(REGISTRATION_NOT_FOUND)."""
        state = await self.of(salon_id)
        if state is not None and state.status is IntegrationStatus.UNINSTALLED:
            raise AppError(ErrorCode.REGISTRATION_NOT_FOUND)

    async def _read(self, salon_id: SalonId) -> ActivationState | None:
        async with self._database.connection() as connection:
            return await read_activation(connection, salon_id)
