"""Payments, prices and channels: what YClients is told about salons, or tells of them."""

import re
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from starlette.routing import BaseRoute

from api_service.core.admin.marketplace import Marketplace
from api_service.web.admin.guard import Guard, Visit
from api_service.web.admin.models import AdminAnswer, Asked, Id, Order, Word
from api_service.web.admin.salons import salon_id_of
from api_service.web.openapi.operation import SALON_ID, Answer, Operation
from api_service.web.reading import read_json, read_query
from api_service.yclients.models import PaymentNotice, SalonConnection, Tariff
from shared.company_id import SalonId
from shared.errors import AppError, ErrorCode

MOMENT_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_MOMENT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$"

_PAYMENT_ID: Final = re.compile("[1-9][0-9]{0,14}")

_TAG: Final = "Admin: payments and prices"
_BY_ID: Final = {"salon_id": SALON_ID}
_ASKED: Final = (
    ErrorCode.YCLIENTS_REFUSED,
    ErrorCode.YCLIENTS_UNAVAILABLE,
    ErrorCode.NOT_CONFIGURED,
)
_OF_SALON: Final = (*_ASKED, ErrorCode.INVALID_SALON_ID, ErrorCode.NOT_FOUND)
_CHANGED: Final = (*_OF_SALON, ErrorCode.INVALID_REQUEST, ErrorCode.PAYLOAD_TOO_LARGE)


def _moment(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be text: YYYY-MM-DD HH:MM:SS")  # noqa: TRY004 - for pydantic
    return datetime.strptime(value, MOMENT_FORMAT)  # noqa: DTZ007 - YClients has no offsets


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "pattern": _MOMENT, "examples": ["2026-03-01 10:05:00"]}),
]
"""The salon's own time, as YClients writes it."""

Percent = Annotated[float, Field(ge=0, le=100)]


class PaymentLinkAsked(Asked):
    """``discount`` in per cent."""

    discount: Percent | None = None


class PaymentOrder(Order):
    payment_sum: Annotated[float, Field(ge=0.01, le=100_000_000)]
    currency_iso: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    payment_date: Moment
    period_from: Moment
    period_to: Moment

    @model_validator(mode="after")
    def _check_period(self) -> Self:
        if self.period_to <= self.period_from:
            raise ValueError("period_to must be after period_from")
        return self


class DiscountOrder(Order):
    """``discount`` in per cent."""

    salon_ids: Annotated[
        list[Id], Field(min_length=1, max_length=100, json_schema_extra={"uniqueItems": True})
    ]
    discount: Percent

    @model_validator(mode="after")
    def _check_once(self) -> Self:
        if len(set(self.salon_ids)) != len(self.salon_ids):
            raise ValueError("a salon may be named once")
        return self


class ChannelOrder(Order):
    channel_slug: Literal["sms", "whatsapp"]
    is_available: bool


class SmsNamesOrder(Order):
    short_names: Annotated[
        list[Annotated[Word, Field(min_length=1, max_length=50)]],
        Field(min_length=1, max_length=20),
    ]


class Connection(AdminAnswer):
    salon_id: int
    connection: SalonConnection


class PaymentLinkTold(AdminAnswer):
    salon_id: int
    url: str


class PaymentTold(AdminAnswer):
    """``payment_id``: of YClients; a refund needs it."""

    salon_id: int
    payment_id: int


class RefundTold(AdminAnswer):
    payment_id: int


class Tariffs(AdminAnswer):
    tariffs: list[Tariff]


class SalonChanged(AdminAnswer):
    salon_id: int


class AdminPayments:
    def __init__(self, guard: Guard, marketplace: Marketplace) -> None:
        self._guard = guard
        self._marketplace = marketplace

    @property
    def routes(self) -> list[BaseRoute]:
        return [*self._questions(), *self._payments(), *self._settings()]

    def _questions(self) -> list[BaseRoute]:
        reads = self._guard.reads
        return [
            reads(
                "/salons/{salon_id}/connection",
                self._connection,
                Operation(
                    "Ask YClients how a salon's connection stands",
                    [Answer(200, "As YClients tells it.", Connection)],
                    _TAG,
                    path=_BY_ID,
                    errors=(*_ASKED, ErrorCode.INVALID_SALON_ID),
                ),
            ),
            reads(
                "/salons/{salon_id}/payment-link",
                self._payment_link,
                Operation(
                    "Where a salon's owner pays",
                    [Answer(200, "An address of YClients.", PaymentLinkTold)],
                    _TAG,
                    query=PaymentLinkAsked,
                    path=_BY_ID,
                    errors=(*_OF_SALON, ErrorCode.INVALID_REQUEST),
                ),
            ),
            reads(
                "/tariffs",
                self._tariffs,
                Operation(
                    "What the application costs",
                    [Answer(200, "As YClients tells it.", Tariffs)],
                    _TAG,
                    errors=_ASKED,
                ),
            ),
        ]

    def _payments(self) -> list[BaseRoute]:
        changes = self._guard.changes
        return [
            changes(
                "/salons/{salon_id}/payments",
                self._report_payment,
                Operation(
                    "Tell YClients of a payment",
                    [Answer(200, "YClients has it.", PaymentTold)],
                    _TAG,
                    "It also thaws a frozen salon. After a 503 with `outcome: unknown` look at the"
                    " connection's payments before telling it again: it may be there.",
                    body=PaymentOrder,
                    path=_BY_ID,
                    errors=_CHANGED,
                ),
            ),
            changes(
                "/payments/{payment_id}/refund",
                self._refund,
                Operation(
                    "Tell YClients that a payment was given back",
                    [Answer(200, "YClients has it.", RefundTold)],
                    _TAG,
                    path={"payment_id": SALON_ID},
                    errors=(*_ASKED, ErrorCode.INVALID_REQUEST),
                ),
            ),
        ]

    def _settings(self) -> list[BaseRoute]:
        changes = self._guard.changes
        return [
            changes(
                "/discounts",
                self._add_discount,
                Operation(
                    "Give salons a discount",
                    [Answer(200, "YClients has it.", AdminAnswer)],
                    _TAG,
                    body=DiscountOrder,
                    errors=_CHANGED,
                ),
            ),
            changes(
                "/salons/{salon_id}/channels",
                self._set_channel,
                Operation(
                    "Whether a salon may send over a channel",
                    [Answer(200, "YClients has it.", SalonChanged)],
                    _TAG,
                    body=ChannelOrder,
                    path=_BY_ID,
                    errors=_CHANGED,
                ),
            ),
            changes(
                "/salons/{salon_id}/sms-names",
                self._set_sms_names,
                Operation(
                    "Under which names a salon's SMS may be sent",
                    [Answer(200, "YClients has it.", SalonChanged)],
                    _TAG,
                    body=SmsNamesOrder,
                    path=_BY_ID,
                    errors=_CHANGED,
                ),
            ),
        ]

    async def _connection(self, visit: Visit) -> Connection:
        salon_id = salon_id_of(visit)
        return Connection(
            salon_id=salon_id, connection=await self._marketplace.connection(salon_id)
        )

    async def _payment_link(self, visit: Visit) -> PaymentLinkTold:
        salon_id = salon_id_of(visit)
        asked = read_query(visit.request, PaymentLinkAsked)
        url = await self._marketplace.payment_link(salon_id, asked.discount)
        return PaymentLinkTold(salon_id=salon_id, url=url)

    async def _tariffs(self, _visit: Visit) -> Tariffs:
        return Tariffs(tariffs=await self._marketplace.tariffs())

    async def _report_payment(self, visit: Visit) -> PaymentTold:
        salon_id = salon_id_of(visit)
        order = await read_json(visit.request, PaymentOrder)
        notice = PaymentNotice(salon_id=salon_id, **order.model_dump())
        payment_id = await self._marketplace.report_payment(visit.actor, notice)
        return PaymentTold(salon_id=salon_id, payment_id=payment_id)

    async def _refund(self, visit: Visit) -> RefundTold:
        payment_id = _payment_id(visit.request.path_params["payment_id"])
        await self._marketplace.refund(visit.actor, payment_id)
        return RefundTold(payment_id=payment_id)

    async def _add_discount(self, visit: Visit) -> AdminAnswer:
        order = await read_json(visit.request, DiscountOrder)
        salon_ids = [SalonId(each) for each in order.salon_ids]
        await self._marketplace.add_discount(visit.actor, salon_ids, order.discount)
        return AdminAnswer()

    async def _set_channel(self, visit: Visit) -> SalonChanged:
        salon_id = salon_id_of(visit)
        order = await read_json(visit.request, ChannelOrder)
        await self._marketplace.set_channel(
            visit.actor, salon_id, order.channel_slug, available=order.is_available
        )
        return SalonChanged(salon_id=salon_id)

    async def _set_sms_names(self, visit: Visit) -> SalonChanged:
        salon_id = salon_id_of(visit)
        order = await read_json(visit.request, SmsNamesOrder)
        await self._marketplace.set_sms_names(visit.actor, salon_id, order.short_names)
        return SalonChanged(salon_id=salon_id)


def _payment_id(text: str) -> int:
    """Raises AppError(INVALID_REQUEST)."""
    if not _PAYMENT_ID.fullmatch(text):
        raise AppError(ErrorCode.INVALID_REQUEST)
    return int(text)
