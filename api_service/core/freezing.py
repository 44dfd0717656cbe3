"""A salon whose subscription has ended rests, with all that it needs to come back."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import structlog

from api_service.core.session_orders import SessionOrders
from api_service.core.webhook_job import Outcome, Retry, WebhookJob
from api_service.store.activations import IntegrationStatus
from api_service.store.lifecycle import SalonState, check_thaw_in, mark_frozen, mark_thawed
from api_service.yclients.errors import YclientsError
from api_service.yclients.models import ConnectionStatus, SalonConnection
from shared.company_id import CompanyId, SalonId
from shared.db import Connection, Pool

_log = structlog.get_logger(__name__)

MARKED: Final = "marked"
FIRST_CHECK_S: Final = 60.0
"""After a freeze, and after a payment that YClients does not know of yet."""

Announce = Callable[[SalonId, str], Awaitable[None]]


class AskConnection(Protocol):
    """The part of the YClients client that is needed to know how a salon stands."""

    async def connection(
        self, salon_id: int, *, timeout_s: float | None = None, background: bool = False
    ) -> SalonConnection: ...


class Freezing:
    def __init__(self, orders: SessionOrders) -> None:
        self._orders = orders

    async def carry_out(self, work: WebhookJob) -> Outcome:
        """Raises AppError and BusError while the salon's session cannot be told."""
        marked = await work.locked(lambda connection, salon: self._mark(work, connection, salon))
        if isinstance(marked, Outcome):
            return marked
        if marked is None:
            return Outcome("overtaken")
        await self._orders.freeze(work.session_id)
        still = await work.locked(_is_frozen)
        if still is not True:
            await self._orders.thaw(work.session_id)
            return still if isinstance(still, Outcome) else Outcome("overtaken")
        return Outcome(None, marked, "frozen")

    async def _mark(
        self, work: WebhookJob, connection: Connection, salon: SalonState
    ) -> CompanyId | None:
        """None when the salon was thawed after this freeze had begun, or connects anew."""
        if work.step is not None:
            return salon.company_id if salon.status is IntegrationStatus.FROZEN else None
        if salon.status is IntegrationStatus.PENDING_WHATSAPP:
            return None
        await mark_frozen(connection, salon.company_id, FIRST_CHECK_S)
        data = {"status_before": salon.status.value, "installation": salon.installation}
        await work.note_step(connection, MARKED, salon.company_id, "freeze_started", data)
        return salon.company_id


class Unfreezing:
    """``announce`` tells the salon's pages."""

    def __init__(self, orders: SessionOrders, announce: Announce) -> None:
        self._orders = orders
        self._announce = announce

    async def carry_out(self, work: WebhookJob) -> Outcome:
        """YClients says that the salon is active. Raises as `Freezing.carry_out`."""
        marked = await work.locked(lambda connection, salon: self._mark(work, connection, salon))
        if isinstance(marked, Outcome):
            return marked
        if marked is None:
            return Outcome("not_frozen")
        await self._orders.thaw(work.session_id)
        await self._announce(work.salon_id, IntegrationStatus.ACTIVE)
        return Outcome(None, marked, "thawed")

    async def _mark(
        self, work: WebhookJob, connection: Connection, salon: SalonState
    ) -> CompanyId | None:
        if work.step is not None:
            return None if salon.status is IntegrationStatus.FROZEN else salon.company_id
        if salon.status is not IntegrationStatus.FROZEN:
            return None
        await mark_thawed(connection, salon.company_id)
        data = {"installation": salon.installation}
        await work.note_step(connection, MARKED, salon.company_id, "thaw_started", data)
        return salon.company_id


class Paying:
    """A payment is a hint: YClients is asked whether it thaws the salon."""

    def __init__(
        self, database: Pool, marketplace: AskConnection, unfreezing: Unfreezing, partner_token: str
    ) -> None:
        self._database = database
        self._marketplace = marketplace
        self._unfreezing = unfreezing
        self._partner_token = partner_token

    async def carry_out(self, work: WebhookJob) -> Outcome:
        """Raises Retry while YClients does not say how the salon stands, and as `Unfreezing`."""
        if work.step is not None:
            return await self._unfreezing.carry_out(work)
        self._look_at_sign(work)
        salon = await work.locked(_as_it_is)
        if isinstance(salon, Outcome):
            return salon
        try:
            found = await self._marketplace.connection(work.salon_id)
        except YclientsError as error:
            raise Retry(error.reason) from None
        if found.status is ConnectionStatus.ACTIVE and salon.status is IntegrationStatus.FROZEN:
            return await self._unfreezing.carry_out(work)
        said = found.status.value if found.status else "unknown"
        async with self._database.connection() as connection:
            await check_thaw_in(connection, work.salon_id, FIRST_CHECK_S)
        data = {"connection": said, "status": salon.status.value}
        return Outcome(None, salon.company_id, "payment_received", data)

    def _look_at_sign(self, work: WebhookJob) -> None:
        """Known of Altegio only, and not how numbers are written in it: it decides nothing."""
        sign = work.job.payload.get("sign")
        if isinstance(sign, str) and not _signed(work.job.payload, sign, self._partner_token):
            _log.warning("payment_sign_differs", salon_id=work.salon_id)


async def _as_it_is(_connection: Connection, salon: SalonState) -> SalonState:
    return salon


async def _is_frozen(_connection: Connection, salon: SalonState) -> bool:
    return salon.status is IntegrationStatus.FROZEN


def _signed(payload: dict[str, Any], sign: str, partner_token: str) -> bool:
    """HMAC-SHA256 over ``salon_id=…&amount=…[&discount=…]``: facts on YClients, 4a."""
    parts = [f"salon_id={payload.get('salon_id')}", f"amount={payload.get('amount')}"]
    if payload.get("discount") is not None:
        parts.append(f"discount={payload['discount']}")
    expected = hmac.new(partner_token.encode(), "&".join(parts).encode(), hashlib.sha256)
    return hmac.compare_digest(expected.hexdigest().encode(), sign.lower().encode())
