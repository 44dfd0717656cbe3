"""What YClients sends, as loose as it is documented: ids as text, ``[]`` for an object."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)


class ConnectionStatus(StrEnum):
    """Of an application in a salon. The spelling ``freezed`` is YClients' own."""

    PENDING = "pending"
    ACTIVE = "active"
    FREEZED = "freezed"
    UNINSTALLED = "uninstalled"


def _list(value: object) -> object:
    """PHP writes an empty list, or one with gaps, as an object."""
    if isinstance(value, dict):
        return list(value.values())
    return [] if value is None else value


def _moment(value: object, read: ValidatorFunctionWrapHandler) -> datetime | None:
    """None for what is none, such as empty text or the zeros of an old database."""
    try:
        moment: datetime | None = read(value)
    except ValidationError:
        return None
    return moment


T = TypeVar("T")

LooseId = Annotated[int, Field(ge=0)]
LooseList = Annotated[list[T], BeforeValidator(_list)]
Moment = Annotated[datetime | None, WrapValidator(_moment)]


class YclientsModel(BaseModel):
    """An empty list is an object without fields; a field that is null is one that is not there."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, coerce_numbers_to_str=True
    )

    @model_validator(mode="before")
    @classmethod
    def _loose(cls, value: object) -> object:
        if value is None or value == []:
            return {}
        if isinstance(value, dict):
            return {name: part for name, part in value.items() if part is not None}
        return value


class ConnectionState(YclientsModel):
    """``status`` is text: one that we do not know is no fault of the answer."""

    status: str = ""
    created_at: Moment = None


class Payment(YclientsModel):
    """``payment_sum`` in the unit of ``currency_iso``."""

    id: LooseId
    payment_sum: float = 0.0
    currency_iso: str = ""
    payment_date: Moment = None
    is_refunded: bool = False
    period_from: Moment = None
    period_to: Moment = None


class StatusChange(YclientsModel):
    changed_at: Moment = None
    status_from: str | None = None
    status_to: str | None = None
    source: str | None = None


class SalonConnection(YclientsModel):
    """Answer of GET /marketplace/salon/{salon}/application/{application} (D1)."""

    connection_status: ConnectionState = ConnectionState()
    payments: LooseList[Payment] = []
    logs: LooseList[StatusChange] = []

    @property
    def status(self) -> ConnectionStatus | None:
        """None for one that we do not know."""
        try:
            return ConnectionStatus(self.connection_status.status)
        except ValueError:
            return None


class ConnectedSalon(YclientsModel):
    """A row of GET /marketplace/application/{application}/salons; its ``id`` is text (D1)."""

    id: LooseId
    title: str = ""


class TariffOption(YclientsModel):
    id: LooseId
    title: str = ""
    overall_price: float | None = None
    duration_in_months: int | None = None
    staff_amount: int | None = None
    free_period_in_months: int | None = None
    currency_iso: str = ""


class Tariff(YclientsModel):
    id: LooseId
    title: str = ""
    options: LooseList[TariffOption] = []


class PaymentReceipt(YclientsModel):
    """Answer of POST /marketplace/partner/payment (D1)."""

    id: LooseId


class PaymentLink(YclientsModel):
    """Answer of GET /marketplace/application/payment_link (D1)."""

    url: str = Field(min_length=1)


class PaymentNotice(YclientsModel):
    """Body of POST /marketplace/partner/payment; times ``YYYY-MM-DD HH:MM:SS``."""

    salon_id: int
    payment_sum: float
    currency_iso: str
    payment_date: datetime
    period_from: datetime
    period_to: datetime
