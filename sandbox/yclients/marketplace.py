"""What the marketplace's calls do and answer, by their numbers in the reference sheet (D1)."""

from typing import Annotated, Final

from pydantic import BaseModel, Field
from starlette.responses import Response

from sandbox.yclients.answers import Calls, Fields
from sandbox.yclients.callbacks import Callbacks
from sandbox.yclients.connections import Connection, Connections, Source, Status, moment
from sandbox.yclients.envelope import (
    ALREADY_INSTALLED,
    APPLICATION_UNKNOWN,
    SETTINGS_PAGE,
    Refused,
    page,
    refusal,
    success,
)
from sandbox.yclients.operations import Operation

MAX_COUNT: Final = 1000

Url = Annotated[str, Field(pattern=r"^https?://\S+$", max_length=2000)]
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")]


class _Asked(BaseModel):
    application_id: int


class _OfSalon(_Asked):
    salon_id: int


class _Posted(_OfSalon, strict=True):
    """A JSON body: a number is no text (D1)."""


class _Activation(_Posted):
    """``api_key`` is documented as a number, and its sample is text (D1): both are taken."""

    api_key: str | int | None = None
    webhook_urls: list[Url] = []
    channels: list[Annotated[str, Field(pattern="^(sms|whatsapp)$")]] = []


class _Payment(_Posted):
    payment_sum: float = Field(ge=0)
    currency_iso: str = Field(pattern=r"^[A-Z]{3}$")
    payment_date: Moment
    period_from: Moment
    period_to: Moment


class _ShortNames(_Posted):
    short_names: list[Annotated[str, Field(min_length=1, max_length=11)]]


class _Page(_Asked):
    page: int = Field(ge=1)
    count: int = Field(ge=1, le=MAX_COUNT)


class _Link(_OfSalon):
    discount: float | None = Field(default=None, ge=0, le=100)


class _Discount(_Asked, strict=True):
    salon_ids: list[int] = Field(min_length=1)
    discount: float = Field(ge=0, le=100)


class _Channel(_Posted):
    channel_slug: str = Field(pattern="^(sms|whatsapp)$")
    is_available: bool


class Marketplace:
    def __init__(self, connections: Connections, callbacks: Callbacks, application_id: int) -> None:
        self._connections = connections
        self._callbacks = callbacks
        self._application_id = application_id
        self.has_tariffs = True

    @property
    def calls(self) -> Calls:
        return {
            Operation.ACTIVATE: self._activate,
            Operation.ACTIVATE_WITH_CHANNELS: self._activate_with_channels,
            Operation.PAYMENT: self._payment,
            Operation.REFUND: self._refund,
            Operation.SHORT_NAMES: self._short_names,
            Operation.CONNECTION: self._connection,
            Operation.SALONS: self._salons,
            Operation.UNINSTALL: self._uninstall,
            Operation.PAYMENT_LINK: self._payment_link,
            Operation.TARIFFS: self._tariffs,
            Operation.DISCOUNT: self._discount,
            Operation.CHANNEL: self._channel,
        }

    def _activate(self, fields: Fields) -> Response:
        self._do_activate(_Activation.model_validate(fields))
        return page(301, SETTINGS_PAGE)

    def _activate_with_channels(self, fields: Fields) -> Response:
        asked = _Activation.model_validate(fields)
        connection = self._do_activate(asked)
        connection.channels = dict.fromkeys(asked.channels, True)
        return success({}, 201)

    def _do_activate(self, asked: _Activation) -> Connection:
        connection = self._installed(asked)
        if connection.status in {Status.ACTIVE, Status.FREEZED}:
            raise Refused(refusal(403, ALREADY_INSTALLED))
        key = None if asked.api_key is None else str(asked.api_key)
        self._connections.activate(connection, key, asked.webhook_urls)
        return connection

    def _payment(self, fields: Fields) -> Response:
        asked = _Payment.model_validate(fields)
        connection = self._installed(asked)
        payment = asked.model_dump(exclude={"salon_id", "application_id"})
        paid = self._connections.pay(connection, payment, Source.PARTNER)
        return success({"id": paid.id})

    def _refund(self, fields: Fields) -> Response:
        if not self._connections.refund(int(fields["payment_id"])):
            raise Refused(refusal(404, "Оплата не найдена"))
        return success({})

    def _short_names(self, fields: Fields) -> Response:
        asked = _ShortNames.model_validate(fields)
        self._installed(asked).short_names = asked.short_names
        self._connections.changed()
        return success({}, 201)

    def _connection(self, fields: Fields) -> Response:
        connection = self._installed(_OfSalon.model_validate(fields))
        return success(
            {
                "connection_status": {
                    "status": connection.status,
                    "created_at": moment(connection.since),
                },
                "payments": [payment.model_dump() for payment in connection.payments],
                "logs": [
                    {
                        "changed_at": moment(change.changed_at),
                        "status_from": change.status_from,
                        "status_to": change.status_to,
                        "source": change.source,
                    }
                    for change in connection.changes
                ],
            }
        )

    def _salons(self, fields: Fields) -> Response:
        """Ids are text here (D1)."""
        asked = _Page.model_validate(fields)
        self._require_ours(asked)
        there = [each for each in self._connections.all() if each.status is not Status.UNINSTALLED]
        first = (asked.page - 1) * asked.count
        return success(
            [
                {"id": str(each.salon.salon_id), "title": each.salon.title}
                for each in there[first : first + asked.count]
            ],
            meta=[],
        )

    def _uninstall(self, fields: Fields) -> Response:
        connection = self._installed(_OfSalon.model_validate(fields))
        self._connections.uninstall(connection, Source.PARTNER)
        self._callbacks.lifecycle(connection, "uninstall")
        return success(None)

    def _payment_link(self, fields: Fields) -> Response:
        asked = _Link.model_validate(fields)
        self._installed(asked)
        if not self.has_tariffs:
            raise Refused(refusal(404, "Тарифы не найдены"))
        discount = "" if asked.discount is None else f"?discount={asked.discount:g}"
        return success({"url": f"https://yclients.com/appstore/pay/{asked.salon_id}{discount}"})

    def _tariffs(self, fields: Fields) -> Response:
        self._require_ours(_Asked.model_validate(fields))
        option = {
            "id": 11,
            "title": "1 месяц",
            "overall_price": 990,
            "duration_in_months": 1,
            "staff_amount": None,
            "free_period_in_months": 0,
            "currency_iso": "RUB",
        }
        tariffs = [{"id": "1", "title": "Базовый", "options": [option]}]
        return success(tariffs if self.has_tariffs else [], meta=[])

    def _discount(self, fields: Fields) -> Response:
        asked = _Discount.model_validate(fields)
        self._require_ours(asked)
        for salon_id in asked.salon_ids:
            self._salon(salon_id).discount = asked.discount
        self._connections.changed()
        return success({})

    def _channel(self, fields: Fields) -> Response:
        asked = _Channel.model_validate(fields)
        self._installed(asked).channels[asked.channel_slug] = asked.is_available
        self._connections.changed()
        return success({})

    def _installed(self, asked: _OfSalon) -> Connection:
        self._require_ours(asked)
        connection = self._salon(asked.salon_id)
        if connection.status is Status.UNINSTALLED:
            raise Refused(refusal(404, "Приложение не установлено"))
        return connection

    def _salon(self, salon_id: int) -> Connection:
        connection = self._connections.find(salon_id)
        if connection is None:
            raise Refused(refusal(404, "Филиал не найден"))
        return connection

    def _require_ours(self, asked: _Asked) -> None:
        if asked.application_id != self._application_id:
            raise Refused(refusal(400, APPLICATION_UNKNOWN))
