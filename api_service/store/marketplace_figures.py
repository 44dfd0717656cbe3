"""How much waits in the marketplace's tables. The caller owns the connection."""

from dataclasses import dataclass
from datetime import datetime

from api_service.store.queries import query
from shared.db import Connection


@dataclass(frozen=True, slots=True)
class ActivationFigures:
    """Salons that are linked and not active yet, by status; and how many a step is due for.

    ``late_s``: how long the first of them has been due; 0 when none is. ``crashed``: whose last
    attempt was ended by a fault of ours.
    """

    by_status: dict[str, int]
    due: int
    late_s: float
    crashed: int


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The last comparison of all salons with YClients; ``finished_at`` None: there was none yet."""

    finished_at: datetime | None
    checked: int
    repaired: int


async def last_reconciliation(connection: Connection) -> Reconciliation:
    row = await (await connection.execute(query("last_reconciliation"))).fetchone()
    return Reconciliation(**row) if row else Reconciliation(None, 0, 0)


async def activation_figures(connection: Connection) -> ActivationFigures:
    rows = await (await connection.execute(query("activation_figures"))).fetchall()
    return ActivationFigures(
        by_status={row["status"]: row["salons"] for row in rows},
        due=sum(row["due"] for row in rows),
        crashed=sum(row["crashed"] for row in rows),
        late_s=max([0.0, *(row["late_s"] for row in rows if row["late_s"] is not None)]),
    )
