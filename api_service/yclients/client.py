"""The marketplace calls of YClients that we make, typed. Sources: YClients' marketplace API (D1).

Every call ends by its result or by a kind of ``YclientsError``, within its time: its waiting for a
turn in the budget and its retries included. Only questions (GET) are asked again.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from pydantic import TypeAdapter

from api_service.yclients.access import Access, connect
from api_service.yclients.answers import Answer, data_of, require_accepted, require_done
from api_service.yclients.errors import NotSentError
from api_service.yclients.measurements import measured
from api_service.yclients.models import (
    ConnectedSalon,
    LooseList,
    PaymentLink,
    PaymentNotice,
    PaymentReceipt,
    SalonConnection,
    Tariff,
)
from api_service.yclients.retries import asked_again
from api_service.yclients.transport import Breaker, Budget, Call, Transport

REQUEST_S: Final = 10.0
"""Of a call's time, what is left to the request when all the rest was spent on waiting."""

_CONNECTION: Final = TypeAdapter(SalonConnection)
_SALONS: Final[TypeAdapter[list[ConnectedSalon]]] = TypeAdapter(LooseList[ConnectedSalon])
_TARIFFS: Final[TypeAdapter[list[Tariff]]] = TypeAdapter(LooseList[Tariff])
_RECEIPT: Final = TypeAdapter(PaymentReceipt)
_LINK: Final = TypeAdapter(PaymentLink)

T = TypeVar("T")


class Yclients:
    """``close`` it at the end. Every call may raise NotSentError, AmbiguousError, RefusedError."""

    def __init__(self, access: Access, budget: Budget, breaker: Breaker) -> None:
        self._access = access
        self._transport = Transport(connect(access), budget, breaker)

    async def connection(
        self, salon_id: int, *, timeout_s: float | None = None, background: bool = False
    ) -> SalonConnection:
        """What YClients says of our application in a salon (#6).

        ``timeout_s``: for a person who waits; it is then asked twice at most.
        """
        path = f"/marketplace/salon/{salon_id}/application/{self._application}"
        call = self._call("connection", "GET", path, salon_id, timeout_s)
        call.background, call.hurried = background, timeout_s is not None
        return await self._ask(call, _CONNECTION)

    async def activate(
        self,
        salon_id: int,
        api_key: str,
        webhook_urls: Sequence[str],
        *,
        may_leave: Callable[[], bool] | None = None,
    ) -> None:
        """Return when YClients has accepted it; whether it took effect, `connection` tells (#1).

        ``may_leave`` is asked in the last moment before anything is sent.
        """
        call = self._call("activate", "POST", "/marketplace/partner/callback/redirect", salon_id)
        call.body = {
            **self._salon(salon_id),
            "api_key": api_key,
            "webhook_urls": list(webhook_urls),
        }
        call.may_leave = may_leave
        await self._once(call, require_accepted)

    async def uninstall(self, salon_id: int) -> None:
        """Take the application out of a salon (#8)."""
        path = f"/marketplace/salon/{salon_id}/application/{self._application}/uninstall"
        await self._once(self._call("uninstall", "POST", path, salon_id), require_done)

    async def report_payment(self, payment: PaymentNotice) -> int:
        """The payment's id, which a refund needs (#3). It also thaws a frozen salon."""
        salon_id = payment.salon_id
        call = self._call("report_payment", "POST", "/marketplace/partner/payment", salon_id)
        call.body = {
            **self._salon(salon_id),
            "payment_sum": payment.payment_sum,
            "currency_iso": payment.currency_iso,
            "payment_date": _written(payment.payment_date),
            "period_from": _written(payment.period_from),
            "period_to": _written(payment.period_to),
        }
        return (await self._once(call, lambda answer: data_of(answer, _RECEIPT))).id

    async def refund(self, payment_id: int) -> None:
        """Tell YClients that a payment was given back (#4)."""
        path = f"/marketplace/partner/payment/refund/{payment_id}"
        await self._once(self._call("refund", "POST", path), require_done)

    async def set_short_names(self, salon_id: int, names: Sequence[str]) -> None:
        """Under which names a salon's SMS may be sent (#5)."""
        call = self._call("set_short_names", "POST", "/marketplace/partner/short_names", salon_id)
        call.body = {**self._salon(salon_id), "short_names": list(names)}
        await self._once(call, require_done)

    async def connected_salons(
        self, page: int, count: int, *, background: bool = True
    ) -> list[ConnectedSalon]:
        """A page of the salons that have our application, from 1; at most 1,000 a page (#7)."""
        path = f"/marketplace/application/{self._application}/salons"
        call = self._call("connected_salons", "GET", path)
        call.params = {"page": page, "count": count}
        call.background = background
        return await self._ask(call, _SALONS)

    async def payment_link(self, salon_id: int, discount: float | None = None) -> str:
        """Where a salon's owner pays; ``discount`` in per cent (#9). 404: there are no tariffs."""
        call = self._call("payment_link", "GET", "/marketplace/application/payment_link", salon_id)
        call.params = dict(self._salon(salon_id))
        if discount is not None:
            call.params["discount"] = discount
        return (await self._ask(call, _LINK)).url

    async def tariffs(self) -> list[Tariff]:
        """What our application costs (#10)."""
        path = f"/marketplace/application/{self._application}/tariffs"
        return await self._ask(self._call("tariffs", "GET", path), _TARIFFS)

    async def add_discount(self, salon_ids: Sequence[int], discount: float) -> None:
        """Per cent off, for these salons (#11)."""
        call = self._call("add_discount", "POST", "/marketplace/application/add_discount")
        call.body = {
            "salon_ids": list(salon_ids),
            "application_id": self._application,
            "discount": discount,
        }
        await self._once(call, require_done)

    async def set_channel(self, salon_id: int, slug: str, available: bool) -> None:
        """Whether a salon may send over a channel, ``sms`` or ``whatsapp`` (#12)."""
        call = self._call(
            "set_channel", "POST", "/marketplace/application/update_channel", salon_id
        )
        call.body = {**self._salon(salon_id), "channel_slug": slug, "is_available": available}
        await self._once(call, require_done)

    async def close(self) -> None:
        await self._transport.close()

    @property
    def _application(self) -> int:
        return self._access.application_id or 0

    def _salon(self, salon_id: int) -> dict[str, int]:
        return {"salon_id": salon_id, "application_id": self._application}

    def _call(
        self,
        operation: str,
        method: str,
        path: str,
        salon_id: int | None = None,
        timeout_s: float | None = None,
    ) -> Call:
        now = asyncio.get_running_loop().time()
        call_s = self._access.call_s if timeout_s is None else timeout_s
        turn_by = now + call_s - min(REQUEST_S, call_s / 2)
        return Call(operation, method, path, now + call_s, turn_by, salon_id)

    async def _ask(self, call: Call, shape: TypeAdapter[T]) -> T:
        """A question changes nothing: it is asked again while there is time."""

        async def attempt() -> T:
            return await self._exchange(call, lambda answer: data_of(answer, shape))

        with measured(call):
            return await asked_again(call.deadline, attempt, hurried=call.hurried)

    async def _once(self, call: Call, read: Callable[[Answer], T]) -> T:
        with measured(call):
            return await self._exchange(call, read)

    async def _exchange(self, call: Call, read: Callable[[Answer], T]) -> T:
        if not self._access.configured:
            raise NotSentError("not_configured")
        return await self._transport.exchange(call, read)


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
