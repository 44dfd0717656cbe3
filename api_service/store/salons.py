"""Salons as operators see them: rows of ``companies`` without secrets. Reads, and one wish.

The caller owns the transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api_service.store.queries import query
from shared.company_id import SalonId
from shared.db import Connection, Row


@dataclass(frozen=True, slots=True)
class SalonFilter:
    """``search``: a part of the title, or the whole id."""

    status: str | None = None
    search: str | None = None

    @property
    def values(self) -> dict[str, str | None]:
        return {
            "status": self.status,
            "title": f"%{_literally(self.search)}%" if self.search else None,
            "exact": self.search,
        }


async def list_salons(
    connection: Connection, wanted: SalonFilter, page: int, count: int
) -> tuple[int, list[Row]]:
    """How many there are in all, and those of the page (from 1), the newest first."""
    cursor = await connection.execute(query("count_salons"), wanted.values)
    total = await cursor.fetchone()
    assert total is not None
    cursor = await connection.execute(
        query("list_salons"), {**wanted.values, "count": count, "offset": (page - 1) * count}
    )
    return int(total["total"]), await cursor.fetchall()


async def read_salon(connection: Connection, salon_id: SalonId) -> Row | None:
    cursor = await connection.execute(query("read_salon"), {"salon_id": salon_id})
    return await cursor.fetchone()


async def salon_events(connection: Connection, salon_id: SalonId, count: int) -> list[Row]:
    """The newest first."""
    cursor = await connection.execute(query("salon_events"), {"salon_id": salon_id, "count": count})
    return await cursor.fetchall()


async def known_salons(connection: Connection, salon_ids: Sequence[SalonId]) -> set[SalonId]:
    """Those of them that we have a row of."""
    cursor = await connection.execute(query("known_salons"), {"salon_ids": list(salon_ids)})
    return {SalonId(row["salon_id"]) for row in await cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class ActivationStanding:
    company_id: int
    status: str
    whatsapp_connected: bool


async def lock_activation(connection: Connection, salon_id: SalonId) -> ActivationStanding | None:
    """The row stays locked until the transaction ends."""
    cursor = await connection.execute(query("activation_for_retry"), {"salon_id": salon_id})
    row = await cursor.fetchone()
    return ActivationStanding(**row) if row else None


async def hurry_activation(connection: Connection, salon_id: SalonId) -> None:
    """Its next step is due now."""
    await connection.execute(query("hurry_activation"), {"salon_id": salon_id})


def _literally(text: str) -> str:
    """For LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
