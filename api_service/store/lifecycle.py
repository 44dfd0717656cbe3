"""How a salon leaves, is frozen and thawed: columns of ``companies``.

The caller owns the transaction, in which `lock_salon` has the row.
"""

from dataclasses import dataclass
from typing import Final

from api_service.store.activations import IntegrationStatus
from api_service.store.queries import query
from shared.company_id import CompanyId, SalonId
from shared.db import Connection

_ERASURES: Final = (
    "erase_entity_hints",
    "erase_notifications",
    "erase_webhook_payloads",
    "erase_contacts",
)
"""Everything that is kept of a salon and its people. Whoever adds a table adds a statement."""


@dataclass(frozen=True, slots=True)
class SalonState:
    company_id: CompanyId
    status: IntegrationStatus
    installation: int


@dataclass(frozen=True, slots=True)
class Erasure:
    company_id: CompanyId
    salon_id: SalonId
    installation: int


async def lock_salon(connection: Connection, salon_id: SalonId) -> SalonState | None:
    """The row is this transaction's own until its end."""
    cursor = await connection.execute(query("lifecycle_state"), {"salon_id": salon_id})
    row = await cursor.fetchone()
    if row is None:
        return None
    return SalonState(**{**row, "status": IntegrationStatus(row["status"])})


async def mark_uninstalled(
    connection: Connection, company_id: CompanyId, retention_days: int
) -> None:
    await connection.execute(
        query("mark_uninstalled"), {"company_id": company_id, "retention_days": retention_days}
    )


async def mark_frozen(connection: Connection, company_id: CompanyId, check_in_s: float) -> None:
    await connection.execute(
        query("mark_frozen"), {"company_id": company_id, "check_in_s": check_in_s}
    )


async def mark_thawed(connection: Connection, company_id: CompanyId) -> None:
    await connection.execute(query("mark_thawed"), {"company_id": company_id})


async def claim_thaw_checks(connection: Connection, limit: int, again_in_s: float) -> list[SalonId]:
    """Frozen salons of which YClients is to be asked now, by whoever gets them here."""
    cursor = await connection.execute(
        query("claim_thaw_checks"), {"limit": limit, "again_in_s": again_in_s}
    )
    return [SalonId(row["salon_id"]) for row in await cursor.fetchall()]


async def check_thaw_in(connection: Connection, salon_id: SalonId, check_in_s: float) -> None:
    await connection.execute(
        query("check_thaw_in"), {"salon_id": salon_id, "check_in_s": check_in_s}
    )


async def erase_next(connection: Connection) -> Erasure | None:
    """Erase what is kept of one salon whose time has come; None when there is none."""
    row = await (await connection.execute(query("lock_due_erasure"))).fetchone()
    if row is None:
        return None
    erasure = Erasure(**row)
    for name in _ERASURES:
        await connection.execute(query(name), {"salon_id": erasure.salon_id})
    return erasure
