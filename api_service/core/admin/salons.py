"""Salons for operators: lists, cards, and another try at an activation."""

from dataclasses import dataclass
from typing import Any, Final

from api_service.core.admin.audit import Audit
from api_service.core.session_report import SessionReport
from api_service.store.admin_audit import Actor, Deed
from api_service.store.marketplace_events import add_marketplace_event
from api_service.store.salons import (
    SalonFilter,
    hurry_activation,
    list_salons,
    lock_activation,
    read_salon,
    salon_events,
)
from shared.company_id import CompanyId, SalonId, session_id_of
from shared.db import Connection, Pool, Row, in_transaction
from shared.errors import AppError, ErrorCode
from shared.masking import mask

EVENTS_SHOWN: Final = 20

_MAY_BE_HURRIED: Final = frozenset(
    {"pending_whatsapp", "activation_failed", "activation_pending", "pending_callback"}
)


@dataclass(frozen=True, slots=True)
class FoundSalon:
    """``session``: as `SessionReport.one` gives it, None when nothing is known of it."""

    row: Row
    session: dict[str, Any] | None
    events: list[Row]


class SalonDesk:
    """Every method may raise what Postgres and Redis raise."""

    def __init__(self, database: Pool, sessions: SessionReport, audit: Audit) -> None:
        self._database = database
        self._sessions = sessions
        self._audit = audit

    async def page(self, wanted: SalonFilter, page: int, count: int) -> tuple[int, list[Row]]:
        """How many there are in all, and the page's."""
        async with self._database.connection() as connection:
            return await list_salons(connection, wanted, page, count)

    async def one(self, salon_id: SalonId) -> FoundSalon:
        """Raises AppError(NOT_FOUND)."""
        async with self._database.connection() as connection:
            row = await read_salon(connection, salon_id)
            if row is None:
                raise AppError(ErrorCode.NOT_FOUND)
            events = await salon_events(connection, salon_id, EVENTS_SHOWN)
        for event in events:
            event["event_data"] = mask("event_data", event["event_data"])
        return FoundSalon(row, await self._session(salon_id), events)

    async def retry_activation(self, actor: Actor, salon_id: SalonId) -> str:
        """Make its next step due now; return the status.

        Raises AppError: NOT_FOUND; CONCURRENT_ACTIVATION while one runs; ACTIVATION_NOT_DUE, with
        the status, where there is nothing to be tried, or WhatsApp is not linked.
        """

        async def work(connection: Connection) -> str:
            standing = await lock_activation(connection, salon_id)
            if standing is None:
                raise AppError(ErrorCode.NOT_FOUND)
            if standing.status == "activating":
                raise AppError(ErrorCode.CONCURRENT_ACTIVATION)
            if standing.status not in _MAY_BE_HURRIED or not standing.whatsapp_connected:
                raise AppError(
                    ErrorCode.ACTIVATION_NOT_DUE,
                    status=standing.status,
                    whatsapp_connected=standing.whatsapp_connected,
                )
            await hurry_activation(connection, salon_id)
            company_id = CompanyId(standing.company_id)
            told = {"actor": actor.name, "status_before": standing.status}
            await add_marketplace_event(
                connection, company_id, salon_id, "activation_hurried", told
            )
            deed = Deed("activation_retry", salon_id, {"status_before": standing.status})
            await self._audit.note(connection, actor, deed)
            return standing.status

        return await in_transaction(self._database, work)

    async def _session(self, salon_id: SalonId) -> dict[str, Any] | None:
        try:
            return await self._sessions.one(session_id_of(salon_id))
        except AppError:
            return None
