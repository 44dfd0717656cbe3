"""What YClients sends, as loose as it is documented: ids as text, ``[]`` for an object."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class ConnectionStatus(StrEnum):
    """Of an application in a salon. The spelling ``freezed`` is YClients' own."""

    PENDING = "pending"
    ACTIVE = "active"
    FREEZED = "freezed"
    UNINSTALLED = "uninstalled"


def _object(value: object) -> object:
    return {} if value in ([], None) else value


def _list(value: object) -> object:
    return [] if value in ({}, None) else value


def _moment(value: object) -> object:
    """Empty text for no moment."""
    return value or None


LooseId = Annotated[int, Field(ge=0)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]


class YclientsModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


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

    connection_status: Annotated[ConnectionState, BeforeValidator(_object)] = ConnectionState()
    payments: Annotated[list[Payment], BeforeValidator(_list)] = []
    logs: Annotated[list[StatusChange], BeforeValidator(_list)] = []

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
    options: Annotated[list[TariffOption], BeforeValidator(_list)] = []


class PaymentNotice(YclientsModel):
    """Body of POST /marketplace/partner/payment; times ``YYYY-MM-DD HH:MM:SS``."""

    salon_id: int
    payment_sum: float
    currency_iso: str
    payment_date: datetime
    period_from: datetime
    period_to: datetime


Json = dict[str, Any]
