"""Notifications that Postgres refuses, for operators: which they are, and once more."""

import json
from dataclasses import dataclass
from datetime import datetime

from api_service.core.admin.audit import Audit
from api_service.store.admin_audit import Actor, Deed
from api_service.store.kept_notifications import Kept, KeptNotifications
from shared.company_id import SalonId
from shared.errors import AppError, ErrorCode


@dataclass(frozen=True, slots=True)
class AsideRow:
    """``id``: its place in the stream; ``reason``: what Postgres said, by the kind of error."""

    id: str
    webhook_id: str
    salon_id: SalonId
    event_type: str
    received_at: datetime
    reason: str


class AsideDesk:
    """May raise what the database and Redis raise."""

    def __init__(self, kept: KeptNotifications, audit: Audit) -> None:
        self._kept = kept
        self._audit = audit

    async def page(self, count: int, after: str | None) -> list[AsideRow]:
        """The oldest first; ``after``: only those behind that one."""
        return [_row(each) for each in await self._kept.aside.oldest(count, after)]

    async def replay(self, actor: Actor, stream_id: str) -> AsideRow:
        """It waits to be stored again. Raises AppError(NOT_FOUND, SERVICE_UNAVAILABLE)."""
        found = await self._kept.aside.find(stream_id)
        if found is None:
            raise AppError(ErrorCode.NOT_FOUND)
        row = _row(found)
        deed = Deed("webhook_replay", row.salon_id, {"webhook_id": row.webhook_id, "aside": row.id})
        async with self._audit.attempt(actor, deed):
            if not await self._kept.give_back(found):
                raise AppError(ErrorCode.SERVICE_UNAVAILABLE)
        return row


def _row(kept: Kept) -> AsideRow:
    """What makes no sense is never set aside."""
    fields = json.loads(kept.text)
    return AsideRow(
        kept.stream_id,
        str(fields["webhook_id"]),
        SalonId(int(fields["salon_id"])),
        str(fields["event_type"]),
        datetime.fromisoformat(fields["received_at"]),
        kept.reason,
    )
