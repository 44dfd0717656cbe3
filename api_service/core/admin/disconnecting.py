"""A salon is disconnected by an operator: in YClients first, then here."""

from collections.abc import Callable

from api_service.core.admin.audit import Attempt, Audit
from api_service.core.admin.marketplace import as_app_errors
from api_service.core.notifications import UNINSTALL
from api_service.store.admin_audit import Actor, Deed
from api_service.store.salons import known_salons
from api_service.store.webhooks import add_job
from api_service.yclients.client import Yclients
from api_service.yclients.errors import AmbiguousError, RefusedError
from api_service.yclients.models import ConnectionStatus
from shared.company_id import SalonId
from shared.db import Pool
from shared.errors import AppError, ErrorCode


class Disconnecting:
    """``on_new`` is called when there is work for the queue."""

    def __init__(
        self, database: Pool, yclients: Yclients, audit: Audit, on_new: Callable[[], None]
    ) -> None:
        self._database = database
        self._yclients = yclients
        self._audit = audit
        self._on_new = on_new

    async def disconnect(self, actor: Actor, salon_id: SalonId) -> str | None:
        """The id of the work that is queued here; None when the same waited already.

        A process that dies before it is queued leaves it to YClients' own notification, and to
        the daily comparison. Raises AppError(NOT_FOUND) and those of `Marketplace`.
        """
        async with self._database.connection() as connection:
            if not await known_salons(connection, [salon_id]):
                raise AppError(ErrorCode.NOT_FOUND)
        with as_app_errors():
            async with self._audit.attempt(actor, Deed("disconnect", salon_id)) as attempt:
                await self._leave_yclients(salon_id, attempt)
                return await self._leave_here(salon_id, attempt)

    async def _leave_yclients(self, salon_id: SalonId, attempt: Attempt) -> None:
        """Also when it had left before, or when only its answer was lost."""
        try:
            await self._yclients.uninstall(salon_id)
        except RefusedError as refusal:
            if refusal.reason != "not_installed":
                raise
            attempt.detail["yclients"] = refusal.reason
        except AmbiguousError as doubt:
            if not await self._has_left(salon_id):
                raise
            attempt.detail["yclients"] = doubt.reason

    async def _has_left(self, salon_id: SalonId) -> bool:
        try:
            connection = await self._yclients.connection(salon_id)
        except RefusedError as refusal:
            return refusal.reason == "not_installed"
        return connection.status is ConnectionStatus.UNINSTALLED

    async def _leave_here(self, salon_id: SalonId, attempt: Attempt) -> str | None:
        async with self._database.connection() as connection:
            webhook_id = await add_job(connection, salon_id, UNINSTALL, "admin")
        attempt.detail["webhook_id"] = webhook_id
        self._on_new()
        return webhook_id
