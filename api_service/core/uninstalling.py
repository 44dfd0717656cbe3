"""A salon leaves: everything that could act for it is taken away, whatever dies meanwhile.

Steps: the row is marked, WhatsApp is unlinked and its credentials are deleted, a freeze ends.
What was kept of its people is erased after the retention time (`api_service.core.erasing`).
"""

from typing import Final

from api_service.core.session_orders import SessionOrders
from api_service.core.webhook_job import Outcome, WebhookJob
from api_service.store.activations import IntegrationStatus
from api_service.store.lifecycle import SalonState, mark_uninstalled
from shared.company_id import CompanyId
from shared.db import Connection

MARKED: Final = "marked"
UNLINKED: Final = "unlinked"


class Uninstalling:
    def __init__(self, orders: SessionOrders, retention_days: int) -> None:
        self._orders = orders
        self._retention_days = retention_days

    async def carry_out(self, work: WebhookJob) -> Outcome:
        """Raises AppError and BusError while the salon's session cannot be told."""
        marked = await work.locked(lambda connection, salon: self._mark(work, connection, salon))
        if isinstance(marked, Outcome):
            return await self._overtaken(work, marked)
        if work.step != UNLINKED:
            await self._orders.unlink(work.session_id)
            unlinked = await work.locked(
                lambda connection, salon: self._note_unlinked(work, connection, salon)
            )
            if isinstance(unlinked, Outcome):
                return await self._overtaken(work, unlinked)
        await self._orders.thaw(work.session_id)
        return Outcome(None, marked, "uninstalled")

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
