"""The library's tables as a whole: who may make them, and whether they are there."""

from pathlib import Path
from typing import Final

from shared.db import Connection, load_queries

LOCK_KEY: Final = 0x41_49_57_41
"""Any number, as long as it stays the same and is not the migrations'."""

_SQL: Final = load_queries(Path(__file__).with_name("credential_schema.sql"))


async def lock(connection: Connection, timeout_s: float) -> None:
    """Until the transaction around it ends, so that it holds through PgBouncer too.

    Raises shared.db.DatabaseError when somebody else keeps it for so long.
    """
    await connection.execute(_SQL["allow_waiting"], {"timeout": f"{timeout_s:.0f}s"})
    await connection.execute(_SQL["lock_schema"], {"key": LOCK_KEY})


async def seen(connection: Connection) -> bool:
    """Whether this connection finds the tables."""
    row = await (await connection.execute(_SQL["schema_seen"])).fetchone()
    return row is not None and bool(row["seen"])
