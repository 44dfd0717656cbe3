"""Salons. The caller owns the transaction."""

from dataclasses import dataclass

from api_service.store.queries import query
from shared.company_id import CompanyId, SalonId
from shared.db import Connection


@dataclass(frozen=True, slots=True)
class MarketplaceContact:
    """Who connects the salon; None where YClients did not tell: what was known stays."""

    user_id: str | None
    name: str | None
    phone: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Company:
    """``installation`` counts the onboardings that were begun."""

    id: CompanyId
    title: str | None
    integration_status: str
    installation: int


async def register_company(
    connection: Connection, salon_id: SalonId, title: str | None, contact: MarketplaceContact
) -> Company:
    """Insert or update by salon. An active salon stays active; any other waits for WhatsApp."""
    cursor = await connection.execute(
        query("register_company"),
        {
            "salon_id": salon_id,
            "title": title,
            "user_id": contact.user_id,
            "user_name": contact.name,
            "user_phone": contact.phone,
            "user_email": contact.email,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return Company(**row)
