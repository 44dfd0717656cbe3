"""How much waits in the marketplace's tables. The caller owns the connection."""

from dataclasses import dataclass

from api_service.store.queries import query
from shared.db import Connection


@dataclass(frozen=True, slots=True)
class ActivationFigures:
    """Salons that are linked and not active yet, by status; and how many a step is due for.

    ``late_s``: how long the first of them has been due; 0 when none is.
    """

    by_status: dict[str, int]
    due: int
    late_s: float


async def activation_figures(connection: Connection) -> ActivationFigures:
    rows = await (await connection.execute(query("activation_figures"))).fetchall()
    return ActivationFigures(
        by_status={row["status"]: row["salons"] for row in rows},
        due=sum(row["due"] for row in rows),
        late_s=max([0.0, *(row["late_s"] for row in rows if row["late_s"] is not None)]),
    )
