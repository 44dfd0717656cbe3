"""What operators ask of YClients: of a salon's connection, payments, discounts and channels.

Every change is on record before YClients is called. A call that may have been carried out is told
as such (``outcome`` is ``unknown``): whoever asks for it again must look first.
"""

import contextlib
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

from api_service.core.admin.audit import Attempt, Audit
from api_service.store.admin_audit import Actor, Deed, salon_of_payment
from api_service.store.salons import known_salons
from api_service.yclients.client import Yclients
from api_service.yclients.errors import AmbiguousError, NotSentError, RefusedError, YclientsError
from api_service.yclients.models import PaymentNotice, SalonConnection, Tariff
from shared.company_id import SalonId
from shared.db import Pool
from shared.errors import AppError, ErrorCode

T = TypeVar("T")


class Marketplace:
    """Every method may raise what the database raises, and AppError.

    NOT_FOUND: a salon that we do not know; YCLIENTS_REFUSED, with YClients' own words;
    YCLIENTS_UNAVAILABLE; NOT_CONFIGURED.
    """

    def __init__(self, database: Pool, yclients: Yclients, audit: Audit) -> None:
        self._database = database
        self._yclients = yclients
        self._audit = audit

    async def connection(self, salon_id: SalonId) -> SalonConnection:
        with as_app_errors():
            return await self._yclients.connection(salon_id)

    async def payment_link(self, salon_id: SalonId, discount: float | None) -> str:
        """``discount`` in per cent."""
        await self._require_known([salon_id])
        with as_app_errors():
            return await self._yclients.payment_link(salon_id, discount)

    async def tariffs(self) -> list[Tariff]:
        with as_app_errors():
            return await self._yclients.tariffs()

    async def report_payment(self, actor: Actor, notice: PaymentNotice) -> int:
        """YClients' id of the payment."""
        salon_id = SalonId(notice.salon_id)
        await self._require_known([salon_id])
        deed = Deed("payment_notify", salon_id, notice.model_dump(mode="json"))

        async def call(attempt: Attempt) -> int:
            payment_id = await self._yclients.report_payment(notice)
            attempt.detail["payment_id"] = payment_id
            return payment_id

        return await self._change(actor, deed, call)

    async def refund(self, actor: Actor, payment_id: int) -> None:
        async with self._database.connection() as connection:
            salon_id = await salon_of_payment(connection, payment_id)
        deed = Deed("payment_refund", salon_id, {"payment_id": payment_id})
        await self._change(actor, deed, lambda _: self._yclients.refund(payment_id))

    async def add_discount(
        self, actor: Actor, salon_ids: Sequence[SalonId], discount: float
    ) -> None:
        """In per cent."""
        await self._require_known(salon_ids)
        only = salon_ids[0] if len(salon_ids) == 1 else None
        deed = Deed("discount_add", only, {"salon_ids": list(salon_ids), "discount": discount})
        await self._change(actor, deed, lambda _: self._yclients.add_discount(salon_ids, discount))

    async def set_channel(
        self, actor: Actor, salon_id: SalonId, slug: str, *, available: bool
    ) -> None:
        await self._require_known([salon_id])
        deed = Deed("channel_set", salon_id, {"channel_slug": slug, "is_available": available})
        await self._change(
            actor, deed, lambda _: self._yclients.set_channel(salon_id, slug, available)
        )

    async def set_sms_names(self, actor: Actor, salon_id: SalonId, names: Sequence[str]) -> None:
        await self._require_known([salon_id])
        deed = Deed("sms_names_set", salon_id, {"short_names": list(names)})
        await self._change(actor, deed, lambda _: self._yclients.set_short_names(salon_id, names))

    async def _change(self, actor: Actor, deed: Deed, call: Callable[[Attempt], Awaitable[T]]) -> T:
        with as_app_errors():
            async with self._audit.attempt(actor, deed) as attempt:
                return await call(attempt)

    async def _require_known(self, salon_ids: Sequence[SalonId]) -> None:
        async with self._database.connection() as connection:
            known = await known_salons(connection, salon_ids)
        unknown = sorted(set(salon_ids) - known)
        if unknown:
            raise AppError(ErrorCode.NOT_FOUND, salon_ids=unknown)


@contextlib.contextmanager
def as_app_errors() -> Iterator[None]:
    """How a call to YClients ended, for whoever asked for it over HTTP."""
    try:
        yield
    except YclientsError as error:
        raise _as_app_error(error) from None


def _as_app_error(error: YclientsError) -> AppError:
    told: dict[str, Any] = {"reason": error.reason}
    match error:
        case RefusedError(status=status, message=message):
            told |= {"yclients_status": status, "yclients_message": message}
            return AppError(ErrorCode.YCLIENTS_REFUSED, **told)
        case NotSentError(reason="not_configured"):
            return AppError(ErrorCode.NOT_CONFIGURED)
        case NotSentError(retry_after_s=wait_s) if wait_s is not None:
            told["retry_after"] = max(1, math.ceil(wait_s))
        case AmbiguousError():
            told["outcome"] = "unknown"
    return AppError(ErrorCode.YCLIENTS_UNAVAILABLE, **told)
