"""A salon leaves: everything that could act for it is taken away, whatever dies meanwhile.

Steps: the row is marked, WhatsApp is unlinked and its credentials are deleted, a freeze ends.
What was kept of its people is erased after the retention time (`api_service.core.erasing`).

A notification has no date: of a salon that has come back it may be a late copy of the last. Then
YClients is asked, and its word that the salon has the application counts, if it stays with it.
"""

from typing import Final

from api_service.core.freezing import AskConnection
from api_service.core.session_orders import SessionOrders
from api_service.core.webhook_job import Outcome, Retry, WebhookJob
from api_service.store.activations import IntegrationStatus
from api_service.store.lifecycle import SalonState, mark_uninstalled
from api_service.yclients.errors import YclientsError
from api_service.yclients.models import ConnectionStatus
from shared.company_id import CompanyId
from shared.db import Connection

MARKED: Final = "marked"
UNLINKED: Final = "unlinked"
ASK_S: Final = 5.0
ASKED: Final = 4
"""Within about 35 s: what YClients answers may be older than what it tells."""

_INSTALLED: Final = frozenset(
    {ConnectionStatus.PENDING, ConnectionStatus.ACTIVE, ConnectionStatus.FREEZED}
)


class Uninstalling:
    def __init__(
        self, orders: SessionOrders, marketplace: AskConnection, retention_days: int
    ) -> None:
        self._orders = orders
        self._marketplace = marketplace
        self._retention_days = retention_days

    async def carry_out(self, work: WebhookJob) -> Outcome:
        """Raises AppError and BusError while the salon's session cannot be told, and Retry."""
        if _may_be_late(work) and await self._is_installed(work):
            if work.job.attempts < ASKED:
                raise Retry("still_connected")
            return await work.locked(lambda _, salon: _still_connected(work, salon))
        marked = await work.locked(lambda connection, salon: self._mark(work, connection, salon))
        if isinstance(marked, Outcome):
            return await self._overtaken(work, marked)
        if work.step != UNLINKED:
            await self._orders.unlink(work.session_id, uninstalled=True)
            unlinked = await work.locked(
                lambda connection, salon: self._note_unlinked(work, connection, salon)
            )
            if isinstance(unlinked, Outcome):
                return await self._overtaken(work, unlinked)
        await self._orders.thaw(work.session_id)
        return Outcome(None, marked, "uninstalled")

    async def _is_installed(self, work: WebhookJob) -> bool:
        """By YClients' own word. Without one the notification counts."""
        try:
            found = await self._marketplace.connection(work.salon_id, timeout_s=ASK_S)
        except YclientsError:
            return False
        return found.status in _INSTALLED

    async def _mark(self, work: WebhookJob, connection: Connection, salon: SalonState) -> CompanyId:
        """A running activation loses its claim, so that it writes no key any more."""
        if work.step is None:
            if salon.status is not IntegrationStatus.UNINSTALLED:
                await mark_uninstalled(connection, salon.company_id, self._retention_days)
            await work.note_step(
                connection,
                MARKED,
                salon.company_id,
                "uninstall_started",
                {"status_before": salon.status.value, "installation": salon.installation},
            )
        return salon.company_id

    async def _note_unlinked(
        self, work: WebhookJob, connection: Connection, salon: SalonState
    ) -> CompanyId:
        await work.note_step(connection, UNLINKED, salon.company_id, "credentials_deleted", {})
        return salon.company_id

    async def _overtaken(self, work: WebhookJob, outcome: Outcome) -> Outcome:
        """The owner has connected again: what is linked now is the new installation's.

        Only a freeze of the last one must not stay.
        """
        if work.step is not None:
            await self._orders.thaw(work.session_id)
        return outcome


def _may_be_late(work: WebhookJob) -> bool:
    return work.step is None and work.job.source == "webhook" and work.job.installation > 1


async def _still_connected(work: WebhookJob, salon: SalonState) -> Outcome:
    data = {"event": work.job.event_type, "reason": "still_connected"}
    return Outcome("still_connected", salon.company_id, "webhook_without_effect", data)
