"""What is to be fetched again from YClients, and what it sent that nobody understands.

The caller owns the transaction.
"""

from dataclasses import dataclass

from api_service.store.queries import query
from shared.company_id import SalonId
from shared.db import Connection


@dataclass(frozen=True, slots=True)
class Hint:
    """``changed_at``: as YClients wrote it, None when it did not."""

    salon_id: SalonId
    resource: str
    resource_id: str
    status: str
    changed_at: str | None


@dataclass(frozen=True, slots=True)
class Hook:
    """``secret`` is sealed; None while YClients has no address of the salon."""

    secret: str | None
    status: str


async def hook_of_salon(connection: Connection, salon_id: SalonId) -> Hook | None:
    cursor = await connection.execute(query("hook_of_salon"), {"salon_id": salon_id})
    row = await cursor.fetchone()
    return Hook(row["webhook_secret"], row["status"]) if row else None


async def add_hint(connection: Connection, hint: Hint) -> bool:
    """False when the same was marked already."""
    cursor = await connection.execute(
        query("add_hint"),
        {
            "salon_id": hint.salon_id,
            "resource": hint.resource,
            "resource_id": hint.resource_id,
            "status": hint.status,
            "changed_at": hint.changed_at,
        },
    )
    return cursor.rowcount > 0


async def trim_hints(connection: Connection, days: int) -> None:
    """Keep those of the last ``days``."""
    await connection.execute(query("trim_hints"), {"days": days})


async def add_notification(
    connection: Connection, kind: str, salon_id: int | None, body: str
) -> None:
    """``kind``: by which way it came. ``body`` must hold no token."""
    await connection.execute(
        query("add_notification"), {"kind": kind, "salon_id": salon_id, "body": body}
    )


async def trim_notifications(connection: Connection, days: int, number: int) -> None:
    """Keep the newest ``number`` of the last ``days``."""
    await connection.execute(query("trim_notifications"), {"days": days, "number": number})
