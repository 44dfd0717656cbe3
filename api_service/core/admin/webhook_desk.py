"""The queue of notifications, for operators: what is in it, and once more."""

from collections.abc import Callable
from dataclasses import dataclass

from api_service.core.admin.audit import Audit
from api_service.store.admin_audit import Actor, Deed
from api_service.store.webhooks import WebhookRow, list_webhooks, replay_webhook
from shared.company_id import SalonId
from shared.db import Connection, Pool, in_transaction
from shared.errors import AppError, ErrorCode


@dataclass(frozen=True, slots=True)
class WebhookFilter:
    """``before_id``: only older ones than that row."""

    state: str | None = None
    salon_id: SalonId | None = None
    before_id: int | None = None


class WebhookDesk:
    """``on_new`` is called when there is work for the queue. May raise what the database raises."""

    def __init__(self, database: Pool, audit: Audit, on_new: Callable[[], None]) -> None:
        self._database = database
        self._audit = audit
        self._on_new = on_new

    async def page(self, wanted: WebhookFilter, count: int) -> list[WebhookRow]:
        """The newest first."""
        async with self._database.connection() as connection:
            return await list_webhooks(
                connection,
                limit=count,
                state=wanted.state,
                salon_id=wanted.salon_id,
                before_id=wanted.before_id,
            )

    async def replay(self, actor: Actor, webhook_id: str) -> SalonId:
        """Carry it out again. Raises AppError(NOT_FOUND): there is none, or it waits anyway."""

        async def work(connection: Connection) -> SalonId:
            salon_id = await replay_webhook(connection, webhook_id)
            if salon_id is None:
                raise AppError(ErrorCode.NOT_FOUND)
            deed = Deed("webhook_replay", salon_id, {"webhook_id": webhook_id})
            await self._audit.note(connection, actor, deed)
            return salon_id

        salon_id = await in_transaction(self._database, work)
        self._on_new()
        return salon_id
