"""Takes a lifecycle notification so that it is lost by nothing, and answers at once.

The unique row in Postgres decides whether it is new. The mark in Redis is set after it and only
saves a write. When Postgres does not answer in time, a bounded stream in Redis keeps it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Protocol, TypeVar

import structlog
from prometheus_client import Counter

from api_service.core.kept_later import NO_SALON
from api_service.core.notifications import FREEZE, UNINSTALL, WITH_EFFECT, Notification
from api_service.store.kept_notifications import KeptNotifications
from api_service.store.webhook_marks import WebhookMarks
from api_service.store.webhooks import (
    Received,
    installation_at,
    let_past_freeze_go,
    present_installation,
    receive_webhook,
)
from shared.bus.connection import BusError
from shared.company_id import SalonId
from shared.db import Connection, DatabaseError, Pool, abandon
from shared.errors import AppError, ErrorCode
from shared.messages.envelope import new_id

_log = structlog.get_logger(__name__)
_received = Counter(
    "webhooks_received_total", "Lifecycle notifications, by what became of them", ["event", "how"]
)

GLANCES: Final = 4
"""A look into Redis, which only saves work, has that part of the patience."""
KEEP_S: Final = 0.5
LAST_S: Final = 2.0
"""Without Redis: better a late answer than a lost notification."""
LATER_S: Final = 60.0
"""What is over the limit is done when the minute is over."""

T = TypeVar("T")


class WebhookLimit(Protocol):
    async def admit_webhook(self, salon_id: SalonId) -> bool: ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """``skipped``: as the answer says it; ``rate_limited`` is done all the same, later."""

    webhook_id: str
    skipped: str | None = None


class WebhookIntake:
    """``on_new`` is called when there is something to do now.

    ``patience_s``: for Postgres, of the 200 ms in which YClients is answered.
    """

    def __init__(
        self,
        database: Pool,
        marks: WebhookMarks,
        kept: KeptNotifications,
        limit: WebhookLimit,
        on_new: Callable[[], None],
        patience_s: float,
    ) -> None:
        self._database = database
        self._marks = marks
        self._kept = kept
        self._limit = limit
        self._on_new = on_new
        self._patience_s = patience_s

    async def receive(self, notification: Notification) -> Receipt:
        """Raises AppError(SERVICE_UNAVAILABLE) when neither Postgres nor Redis can take it."""
        webhook_id, received_at = new_id(), datetime.now(UTC)
        storing = asyncio.create_task(self._store(notification, webhook_id, received_at))
        try:
            receipt = await self._stored_or_kept(storing, notification, webhook_id, received_at)
        except (DatabaseError, TimeoutError) as error:
            self._note(notification, "refused")
            _log.error("webhook_not_taken", error=type(error).__name__)
            raise AppError(ErrorCode.SERVICE_UNAVAILABLE) from None
        finally:
            abandon(storing)
        if receipt.skipped is None:
            self._on_new()
        return receipt

    async def _stored_or_kept(
        self,
        storing: asyncio.Task[Receipt],
        notification: Notification,
        webhook_id: str,
        received_at: datetime,
    ) -> Receipt:
        """As soon as either has it. Without Redis a slow Postgres is waited for."""
        await asyncio.wait({storing}, timeout=self._patience_s)
        if not storing.done() or storing.exception() is not None:
            _log.warning("webhook_not_stored", done=storing.done())
            if await self._keep(notification, webhook_id, received_at):
                self._note(notification, "kept")
                return Receipt(webhook_id)
            await asyncio.wait({storing}, timeout=LAST_S)
            if not storing.done():
                raise TimeoutError
        receipt = storing.result()
        self._note(notification, receipt.skipped or "stored")
        return receipt

    async def store_kept(self, text: str) -> None:
        """What was kept when Postgres was away; any number of times.

        Raises what the database raises, and ValueError for what none of us has written.
        """
        fields = json.loads(text)
        notification = Notification(
            SalonId(int(fields["salon_id"])), str(fields["event_type"]), dict(fields["payload"])
        )
        received_at = datetime.fromisoformat(fields["received_at"])
        async with self._database.connection() as connection:
            installation = await installation_at(connection, notification.salon_id, received_at)
            received = _row(notification, fields["webhook_id"], received_at, installation)
            known = await _received_as(connection, received)
        self._note(notification, "duplicate" if known else "stored_later")
        self._on_new()

    async def take_probe(self) -> None:
        """Return when a notification could be stored now; none is.

        Raises what the database raises.
        """
        probe = _row(Notification(NO_SALON, "probe", {}), new_id(), datetime.now(UTC), 0)
        async with (
            self._database.connection() as connection,
            connection.transaction(force_rollback=True),
        ):
            await installation_at(connection, NO_SALON, probe.received_at)
            await receive_webhook(connection, probe)

    async def _store(
        self, notification: Notification, webhook_id: str, received_at: datetime
    ) -> Receipt:
        async with self._database.connection() as connection:
            installation = await present_installation(connection, notification.salon_id)
        received = _row(notification, webhook_id, received_at, installation)
        glances = _Glances(self._patience_s / GLANCES)
        known = await self._marked(received, glances)
        if known is not None:
            return Receipt(known, "duplicate")
        limited = not await self._admitted(notification, glances)
        if limited:
            received = replace(received, delay_s=LATER_S)
        async with self._database.connection() as connection:
            known = await _received_as(connection, received)
        remembered = known or webhook_id
        await glances.at(lambda: self._marks.remember(received.idempotency_key, remembered))
        if known is not None:
            return Receipt(known, "duplicate")
        return Receipt(webhook_id, "rate_limited" if limited else None)

    async def _marked(self, received: Received, glances: "_Glances") -> str | None:
        """Of a freeze the mark says nothing: the salon may have been thawed since."""
        if received.event_type == FREEZE:
            return None
        return await glances.at(lambda: self._marks.known_as(received.idempotency_key))

    async def _admitted(self, notification: Notification, glances: "_Glances") -> bool:
        """While Redis is away everything is."""
        if notification.event_type == UNINSTALL:
            return True
        admitted = await glances.at(lambda: self._limit.admit_webhook(notification.salon_id))
        return admitted is not False

    async def _keep(
        self, notification: Notification, webhook_id: str, received_at: datetime
    ) -> bool:
        text = json.dumps(
            {
                "webhook_id": webhook_id,
                "salon_id": notification.salon_id,
                "event_type": notification.event_type,
                "payload": notification.payload,
                "received_at": received_at.isoformat(),
            }
        )
        try:
            async with asyncio.timeout(KEEP_S):
                return await self._kept.keep(text)
        except (BusError, OSError, TimeoutError):
            return False

    def _note(self, notification: Notification, how: str) -> None:
        event = notification.event_type if notification.event_type in WITH_EFFECT else "unknown"
        _received.labels(event=event, how=how).inc()
        _log.info(
            "webhook_received",
            salon_id=notification.salon_id,
            event_type=notification.event_type,
            how=how,
        )


async def _received_as(connection: Connection, received: Received) -> str | None:
    """The id under which it was known before; None when it is new."""
    if received.event_type == FREEZE:
        await let_past_freeze_go(connection, received.idempotency_key)
    return await receive_webhook(connection, received)


class _Glances:
    """Into Redis, for one notification: after one that came to nothing there is no other."""

    def __init__(self, glance_s: float) -> None:
        self._glance_s = glance_s
        self._away = False

    async def at(self, look: Callable[[], Awaitable[T]]) -> T | None:
        if self._away:
            return None
        try:
            async with asyncio.timeout(self._glance_s):
                return await look()
        except (BusError, OSError, TimeoutError) as error:
            self._away = True
            _log.warning("webhook_glance_failed", error=type(error).__name__)
            return None


def _row(
    notification: Notification, webhook_id: str, received_at: datetime, installation: int
) -> Received:
    return Received(
        webhook_id=webhook_id,
        idempotency_key=notification.idempotency_key(installation),
        salon_id=notification.salon_id,
        event_type=notification.event_type,
        installation=installation,
        payload=notification.payload,
        received_at=received_at,
        queued=notification.event_type in WITH_EFFECT,
    )
