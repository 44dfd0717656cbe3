"""Salons and how our application stands in each: the marketplace's state machine (D2).

uninstalled → (Connect) pending → (our callback) active → (expiry) freezed → (payment) active; any →
uninstalled. A pending connection that nobody completes ends by itself.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, Field

TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
PENDING_LIFETIME_S: Final = 3600.0


class Status(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    FREEZED = "freezed"
    UNINSTALLED = "uninstalled"


class Source(StrEnum):
    """Who changed a status, as the logs say."""

    OWNER = "user"
    PARTNER = "partner_api"
    SYSTEM = "system"


class Salon(BaseModel):
    """A demo salon and the person who connects it. The numbers belong to nobody."""

    salon_id: int = Field(ge=1)
    title: str = "Салон"
    city: str = ""
    colour: str = "slate"
    trade: str = "beauty"
    allow_delete_record: bool = True
    owner_id: int = 501
    owner: str = "Анна"
    phone: str = "79990000001"
    email: str = "owner@example.com"

    def user_data(self) -> dict[str, object]:
        return {
            "id": self.owner_id,
            "name": self.owner,
            "phone": self.phone,
            "email": self.email,
            "is_approved": True,
            "avatar": "",
            "salon_name": self.title,
        }


class Change(BaseModel):
    changed_at: float
    status_from: Status | None
    status_to: Status
    source: Source


class Payment(BaseModel):
    id: int
    payment_sum: float
    currency_iso: str
    payment_date: str
    period_from: str
    period_to: str
    is_refunded: bool = False


class Connection(BaseModel):
    """``callbacks``: activations that were carried out."""

    salon: Salon
    status: Status = Status.UNINSTALLED
    since: float = 0.0
    api_key: str | None = None
    webhook_urls: list[str] = []
    channels: dict[str, bool] = {}
    short_names: list[str] = []
    discount: float | None = None
    payments: list[Payment] = []
    changes: list[Change] = []
    callbacks: int = 0


class Connections:
    """Every salon that there is. ``on_change`` runs after each change."""

    def __init__(
        self,
        *,
        clock_s: Callable[[], float] = time.time,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.pending_lifetime_s = PENDING_LIFETIME_S
        self._clock_s = clock_s
        self._on_change = on_change
        self._by_salon: dict[int, Connection] = {}
        self._payment_no = 0

    def add(self, salon: Salon) -> Connection:
        """A salon, or the one of that id that is there already."""
        connection = self._by_salon.setdefault(salon.salon_id, Connection(salon=salon))
        self._on_change()
        return connection

    def find(self, salon_id: int) -> Connection | None:
        connection = self._by_salon.get(salon_id)
        if connection is not None:
            self._expire(connection)
        return connection

    def position(self, salon_id: int) -> int:
        """Its place among all, which it keeps."""
        return list(self._by_salon).index(salon_id)

    def all(self) -> list[Connection]:
        for connection in self._by_salon.values():
            self._expire(connection)
        return list(self._by_salon.values())

    def connect(self, connection: Connection) -> None:
        """The owner presses «Подключить»: pending, unless the application is there already."""
        if connection.status is Status.UNINSTALLED:
            connection.api_key, connection.webhook_urls = None, []
            self._change(connection, Status.PENDING, Source.OWNER)
        elif connection.status is Status.PENDING:
            connection.since = self._clock_s()
            self._on_change()

    def activate(self, connection: Connection, api_key: str | None, urls: list[str]) -> None:
        connection.api_key, connection.webhook_urls = api_key, urls
        connection.callbacks += 1
        self._change(connection, Status.ACTIVE, Source.PARTNER)

    def freeze(self, connection: Connection) -> bool:
        """False when there is nothing to freeze."""
        if connection.status is not Status.ACTIVE:
            return False
        self._change(connection, Status.FREEZED, Source.SYSTEM)
        return True

    def uninstall(self, connection: Connection, source: Source) -> bool:
        """False when it is not installed."""
        if connection.status is Status.UNINSTALLED:
            return False
        self._change(connection, Status.UNINSTALLED, source)
        return True

    def expire_pending(self, connection: Connection) -> None:
        if connection.status is Status.PENDING:
            self._change(connection, Status.UNINSTALLED, Source.SYSTEM)

    def pay(self, connection: Connection, payment: dict[str, Any], source: Source) -> Payment:
        """A payment thaws a frozen connection."""
        self._payment_no += 1
        paid = Payment(id=self._payment_no, **payment)
        connection.payments.append(paid)
        if connection.status is Status.FREEZED:
            self._change(connection, Status.ACTIVE, source)
        self._on_change()
        return paid

    def refund(self, payment_id: int) -> bool:
        """False for a payment that there is not."""
        for connection in self._by_salon.values():
            for payment in connection.payments:
                if payment.id == payment_id:
                    payment.is_refunded = True
                    self._on_change()
                    return True
        return False

    def clear(self) -> None:
        self._by_salon.clear()
        self._on_change()

    def dump(self) -> list[dict[str, Any]]:
        return [connection.model_dump(mode="json") for connection in self._by_salon.values()]

    def load(self, stored: list[dict[str, Any]]) -> None:
        for each in stored:
            connection = Connection.model_validate(each)
            self._by_salon[connection.salon.salon_id] = connection
            self._payment_no = max([self._payment_no, *(paid.id for paid in connection.payments)])

    def changed(self) -> None:
        self._on_change()

    def _expire(self, connection: Connection) -> None:
        lived_s = self._clock_s() - connection.since
        if connection.status is Status.PENDING and lived_s >= self.pending_lifetime_s:
            self.expire_pending(connection)

    def _change(self, connection: Connection, status: Status, source: Source) -> None:
        now = self._clock_s()
        change = Change(
            changed_at=now, status_from=connection.status, status_to=status, source=source
        )
        connection.changes.append(change)
        connection.status, connection.since = status, now
        self._on_change()


def moment(seconds: float) -> str:
    """As YClients writes it (D1)."""
    return datetime.fromtimestamp(seconds, UTC).strftime(TIME_FORMAT)
