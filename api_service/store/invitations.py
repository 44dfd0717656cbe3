"""Whose link has ended for good, and who is to link again. The caller owns the transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from api_service.store.companies import MarketplaceContact
from api_service.store.queries import query
from shared.company_id import CompanyId, SalonId
from shared.db import Connection
from shared.messages.status import Reason


@dataclass(frozen=True, slots=True)
class Invited:
    """A salon, and who has connected it. ``status``: of `IntegrationStatus`, or an older word."""

    company_id: CompanyId
    title: str | None
    status: str
    contact: MarketplaceContact


async def note_ended(connection: Connection, salon_id: SalonId, reason: Reason) -> bool:
    """The salon is not linked any more: whether its owner is invited by this.

    Of any number of processes that know of one ending, one invites.
    """
    values = {"salon_id": salon_id, "reason": reason.value}
    cursor = await connection.execute(query("note_ended"), values)
    return cursor.rowcount > 0


async def still_linked(connection: Connection, salon_ids: Sequence[SalonId]) -> list[SalonId]:
    """Those of them of which it is not written down that their link has ended."""
    cursor = await connection.execute(query("still_linked"), {"salon_ids": list(salon_ids)})
    return [SalonId(row["salon_id"]) for row in await cursor.fetchall()]


async def whom_to_invite(connection: Connection, salon_id: SalonId) -> Invited | None:
    cursor = await connection.execute(query("whom_to_invite"), {"salon_id": salon_id})
    row = await cursor.fetchone()
    if row is None:
        return None
    contact = MarketplaceContact(
        row["user_id"], row["user_name"], row["user_phone"], row["user_email"]
    )
    return Invited(CompanyId(row["id"]), row["title"], row["status"], contact)
