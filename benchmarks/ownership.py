"""What owning costs Postgres while nothing happens."""

import asyncio
from collections.abc import Mapping
from typing import Final

import psycopg

from benchmarks.report import Figure, say
from tests.support.fleet import NAMES, open_fleet
from tests.support.fleet_ground import DATABASE, Ground

LIMIT: Final = 2.0
QUIET_S: Final = 20.0
MEASURED_S: Final = 60.0
PATIENCE_S: Final = 120.0
SHOWN: Final = 8


async def measure(ground: Ground) -> tuple[list[Figure], Mapping[str, object]]:
    """Every statement in our database in a minute, the library's own among them."""
    async with open_fleet(ground) as fleet:
        await fleet.start_evenly(*NAMES, timeout_s=PATIENCE_S)
        await asyncio.sleep(QUIET_S)
        await asyncio.to_thread(_reset, ground)
        say(f"  nothing happens for {MEASURED_S:.0f} s")
        await asyncio.sleep(MEASURED_S)
        calls = await asyncio.to_thread(_calls, ground)
    total = sum(calls.values())
    each = total / len(ground.salons) / (MEASURED_S / 60)
    figures = [
        Figure(
            "Postgres statements for each session and minute, idle",
            each,
            LIMIT,
            "",
            f"{total} statements in {MEASURED_S:.0f} s of {len(NAMES)} processes with "
            f"{len(ground.salons)} sessions",
            "each process renews its lease and looks at the others, however many its sessions",
        )
    ]
    most = sorted(calls.items(), key=lambda call: -call[1])[:SHOWN]
    return figures, {"each": each, "statements": total, "most": most}


def _reset(ground: Ground) -> None:
    with psycopg.connect(ground.database_url, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_statements_reset()")


def _calls(ground: Ground) -> dict[str, int]:
    with psycopg.connect(ground.database_url) as connection:
        rows = connection.execute(
            "SELECT left(query, 80), sum(calls)::int FROM pg_stat_statements"
            " JOIN pg_database ON pg_database.oid = dbid"
            " WHERE datname = %s AND query NOT ILIKE '%%pg_stat_statements%%' GROUP BY 1",
            [DATABASE],
        ).fetchall()
    return dict(rows)
