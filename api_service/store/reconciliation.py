"""The daily comparison with YClients: whose turn it is, and how far it has come.

The caller owns the transaction.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from api_service.store.activations import IntegrationStatus
from api_service.store.queries import query
from shared.company_id import SalonId
from shared.db import Connection

CLAIM_S: Final = 30.0
"""What a killed process has in hand is taken over after this."""


@dataclass(frozen=True, slots=True)
class Run:
    """The right to compare, for `CLAIM_S` from the last renewal, and what was done of it before."""

    claim: UUID
    checked_up_to: int
    checked: int
    repaired: int


@dataclass(frozen=True, slots=True)
class Compared:
    salon_id: SalonId
    status: IntegrationStatus
    installation: int


async def claim_run(connection: Connection) -> Run | None:
    """None when none is due, or another process makes it."""
    claim = uuid4()
    values = {"claim": claim, "claim_s": CLAIM_S}
    row = await (await connection.execute(query("claim_reconciliation"), values)).fetchone()
    return Run(claim=claim, **row) if row else None


async def renew_run(connection: Connection, run: Run) -> bool:
    return await _changed(connection, "renew_reconciliation", run, claim_s=CLAIM_S)


async def salons_to_check(connection: Connection, after: int, limit: int) -> list[Compared]:
    """Those of which YClients is to know, by their ids from ``after``."""
    values = {"after": after, "limit": limit}
    cursor = await connection.execute(query("salons_to_check"), values)
    return [
        Compared(SalonId(row["salon_id"]), IntegrationStatus(row["status"]), row["installation"])
        for row in await cursor.fetchall()
    ]


async def note_checked(
    connection: Connection, run: Run, salon_id: SalonId, *, repaired: bool, unclear: bool
) -> bool:
    """False when the claim is lost."""
    values = {"salon_id": salon_id, "repaired": repaired, "unclear": unclear}
    return await _changed(connection, "note_checked", run, **values)


async def end_run(connection: Connection, run: Run, again_in_s: float, *, finished: bool) -> bool:
    """A run that is not finished goes on where it was."""
    values = {"again_in_s": again_in_s, "finished": finished}
    return await _changed(connection, "end_reconciliation", run, **values)


async def activate_now(connection: Connection, salon_id: SalonId) -> bool:
    """The activation's next step is due. False when it is not waiting."""
    cursor = await connection.execute(query("activate_now"), {"salon_id": salon_id})
    return cursor.rowcount > 0


async def any_live_of(connection: Connection, salons: Collection[int]) -> bool:
    """Whether one of them is active or frozen here."""
    cursor = await connection.execute(query("any_live_of"), {"salons": list(salons)})
    row = await cursor.fetchone()
    return row is not None and bool(row["found"])


async def ended_salons_of(connection: Connection, salons: Collection[int]) -> list[SalonId]:
    """Those of them that are uninstalled here."""
    cursor = await connection.execute(query("ended_salons_of"), {"salons": list(salons)})
    return [SalonId(row["salon_id"]) for row in await cursor.fetchall()]


async def _changed(connection: Connection, name: str, run: Run, **values: Any) -> bool:
    cursor = await connection.execute(query(name), {"claim": run.claim, **values})
    return cursor.rowcount > 0
