"""One notification in hand: each of its steps is written together with what it has changed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from api_service.core.claims import ClaimLostError
from api_service.core.notifications import UNINSTALL
from api_service.store.activations import IntegrationStatus
from api_service.store.lifecycle import SalonState, lock_salon
from api_service.store.marketplace_events import add_marketplace_event
from api_service.store.webhooks import Job, finish_step, finish_webhook
from shared.company_id import CompanyId, SalonId, SessionId, session_id_of
from shared.db import Connection, Pool, in_transaction

T = TypeVar("T")
Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. ``reason``: why it had no effect; None when it had.

    ``event`` goes into the salon's history, with ``data``.
    """

    reason: str | None
    company_id: CompanyId | None = None
    event: str | None = None
    data: Data = field(default_factory=dict)


class Retry(Exception):  # noqa: N818 - a wish, no error
    """It cannot be done now. ``reason``: a stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WebhookJob:
    """Every method may raise ClaimLostError and what the database raises."""

    def __init__(self, database: Pool, job: Job) -> None:
        self._database = database
        self.job = job
        self.step = job.step

    @property
    def salon_id(self) -> SalonId:
        return self.job.salon_id

    @property
    def session_id(self) -> SessionId:
        return session_id_of(self.job.salon_id)

    @property
    def origin(self) -> Data:
        """Which notification it was, for the salon's history."""
        return {"webhook_id": self.job.webhook_id, "source": self.job.source}

    async def locked(self, work: Callable[[Connection, SalonState], Awaitable[T]]) -> T | Outcome:
        """``work`` in one transaction that has the salon's row.

        An Outcome when the notification is about a salon that is not here, or about an
        installation that has passed.
        """

        async def with_salon(connection: Connection) -> T | Outcome:
            salon = await lock_salon(connection, self.salon_id)
            if salon is None:
                return Outcome("unknown_salon")
            if salon.installation > self.job.installation:
                return self._without_effect(salon, "superseded")
            if salon.status is IntegrationStatus.UNINSTALLED and self.job.event_type != UNINSTALL:
                return self._without_effect(salon, "uninstalled")
            return await work(connection, salon)

        return await in_transaction(self._database, with_salon)

    async def note_step(
        self, connection: Connection, step: str, company_id: CompanyId, event: str, data: Data
    ) -> None:
        """In the caller's transaction: from now on the work goes on after this step."""
        if not await finish_step(connection, self.job, step):
            raise ClaimLostError
        await self.tell(connection, company_id, event, data)
        self.step = step

    async def tell(
        self, connection: Connection, company_id: CompanyId, event: str, data: Data
    ) -> None:
        await add_marketplace_event(
            connection, company_id, self.salon_id, event, {**self.origin, **data}
        )

    async def end(self, outcome: Outcome) -> None:
        async def work(connection: Connection) -> None:
            if not await finish_webhook(connection, self.job, outcome.reason):
                raise ClaimLostError
            if outcome.event is not None and outcome.company_id is not None:
                await self.tell(connection, outcome.company_id, outcome.event, outcome.data)

        await in_transaction(self._database, work)

    def _without_effect(self, salon: SalonState, reason: str) -> Outcome:
        data = {
            "event": self.job.event_type,
            "reason": reason,
            "installation": self.job.installation,
        }
        return Outcome(reason, salon.company_id, "webhook_without_effect", data)
