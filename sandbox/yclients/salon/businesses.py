"""The salons at work, one beside each connection; what changes there is told."""

import time
from collections.abc import Callable
from typing import Any, Final

from sandbox.yclients.callbacks import Callbacks
from sandbox.yclients.connections import Connection, Connections, Status
from sandbox.yclients.envelope import Refused, second_refusal
from sandbox.yclients.salon import shapes
from sandbox.yclients.salon.business import Business
from sandbox.yclients.salon.catalogue import catalogue_of
from sandbox.yclients.salon.records import Book

FIRST_RECORD: Final = 100_000


class Businesses:
    """``on_change`` runs after each change."""

    def __init__(
        self,
        connections: Connections,
        callbacks: Callbacks,
        *,
        clock_s: Callable[[], float] = time.time,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._connections = connections
        self._callbacks = callbacks
        self._clock_s = clock_s
        self._on_change = on_change
        self._by_salon: dict[int, Business] = {}
        self._books: dict[int, Book] = {}

    def of(self, salon_id: int) -> Business:
        """Refused, in the second shape (D1), when there is no such salon."""
        connection = self._connections.find(salon_id)
        if connection is None:
            raise Refused(second_refusal(404, "Компания не найдена"))
        business = self._by_salon.get(salon_id)
        if business is None:
            business = self._by_salon[salon_id] = self._open(connection)
        return business

    def connection(self, salon_id: int) -> Connection:
        self.of(salon_id)
        connection = self._connections.find(salon_id)
        assert connection is not None
        return connection

    def with_record(self, record_id: int) -> tuple[Connection, Business] | None:
        """Of the salon in which that record was made."""
        for salon_id, book in self._books.items():
            if record_id in book.records:
                return self.connection(salon_id), self.of(salon_id)
        return None

    def clear(self) -> None:
        self._by_salon.clear()
        self._books.clear()
        self._on_change()

    def dump(self) -> dict[str, Any]:
        return {
            str(salon_id): book.model_dump(mode="json") for salon_id, book in self._books.items()
        }

    def load(self, stored: dict[str, Any]) -> None:
        for salon_id, book in stored.items():
            self._books[int(salon_id)] = Book.model_validate(book)

    def _open(self, connection: Connection) -> Business:
        salon = connection.salon
        position = self._connections.position(salon.salon_id)
        first_id = FIRST_RECORD * (position + 1)
        book = self._books.setdefault(salon.salon_id, Book(first_id=first_id))
        catalogue = catalogue_of(salon.trade, position)

        def tell(resource: str, resource_id: int, status: str) -> None:
            self._on_change()
            self._tell(connection, resource, resource_id, status)

        return Business(catalogue, book, self._clock_s, tell)

    def _tell(self, connection: Connection, resource: str, resource_id: int, status: str) -> None:
        """Only where the application is active; our own writes are told as well."""
        if connection.status is not Status.ACTIVE:
            return
        salon_id = connection.salon.salon_id
        business = self._by_salon[salon_id]
        data = (
            shapes.record(business.book.records[resource_id], business, salon_id)
            if resource == "record"
            else shapes.client(business.book.clients[resource_id])
        )
        body = {"resource": resource, "resource_id": resource_id, "status": status, "data": data}
        self._callbacks.entity(connection, body)
