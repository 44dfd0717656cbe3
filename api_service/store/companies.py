"""Salons. The caller owns the transaction."""

from dataclasses import dataclass

from api_service.store.queries import query
from shared.company_id import CompanyId, SalonId
from shared.db import Connection, Row


@dataclass(frozen=True, slots=True)
class MarketplaceContact:
    """Who connects the salon; None where YClients did not tell: what was known stays."""

    user_id: str | None
    name: str | None
    phone: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Visit:
    """A redirect from YClients. ``connection_check``: verified or unverified."""

    salon_id: SalonId
    title: str | None
    connection_check: str
    contact: MarketplaceContact

    @property
    def values(self) -> dict[str, object]:
        return {
            "salon_id": self.salon_id,
            "title": self.title,
            "connection_check": self.connection_check,
            "user_id": self.contact.user_id,
            "user_name": self.contact.name,
            "user_phone": self.contact.phone,
            "user_email": self.contact.email,
        }


@dataclass(frozen=True, slots=True)
class Company:
    """``installation`` counts the onboardings that were begun; ``user_id`` is YClients' own."""

    id: CompanyId
    title: str | None
    integration_status: str
    installation: int
    user_id: str | None


async def find_company(connection: Connection, salon_id: SalonId) -> Company | None:
    return _company(await _one(connection, "find_company", {"salon_id": salon_id}))


async def add_company(connection: Connection, visit: Visit) -> Company | None:
    """None for a salon that is there already."""
    return _company(await _one(connection, "add_company", visit.values))


async def lock_company(connection: Connection, salon_id: SalonId) -> Company:
    """A salon that is there, and stays as it is until the end of the transaction."""
    return _there(await _one(connection, "lock_company", {"salon_id": salon_id}))


async def begin_installation(connection: Connection, visit: Visit) -> Company:
    """It waits for WhatsApp again, and nothing of the last installation counts any more."""
    return _there(await _one(connection, "begin_installation", visit.values))


async def continue_installation(
    connection: Connection, visit: Visit, status: str, *, due_now: bool
) -> Company:
    """``due_now``: the next step of its activation is to be made at once, or is being made."""
    values = {**visit.values, "status": status, "due_now": due_now}
    return _there(await _one(connection, "continue_installation", values))


async def _one(connection: Connection, name: str, values: dict[str, object]) -> Row | None:
    return await (await connection.execute(query(name), values)).fetchone()


def _company(row: Row | None) -> Company | None:
    return None if row is None else Company(**row)


def _there(row: Row | None) -> Company:
    assert row is not None
    return Company(**row)
