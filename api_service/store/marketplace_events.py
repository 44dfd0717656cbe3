"""What happened in the marketplace, kept for good. The caller owns the transaction."""

from typing import Any, Final

from psycopg.types.json import Jsonb

from api_service.store.queries import query
from shared.company_id import CompanyId, SalonId
from shared.db import Connection

REGISTRATION_STARTED: Final = "registration_started"


async def add_marketplace_event(
    connection: Connection,
    company_id: CompanyId,
    salon_id: SalonId,
    event_type: str,
    event_data: dict[str, Any],
) -> None:
    """``event_type``: at most 50 characters. ``event_data`` must hold no secret."""
    await connection.execute(
        query("add_marketplace_event"),
        {
            "company_id": company_id,
            "salon_id": salon_id,
            "event_type": event_type,
            "event_data": Jsonb(event_data),
        },
    )
