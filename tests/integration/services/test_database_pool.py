"""The pool's own settings and those that an operator writes into DATABASE_URL."""

import asyncio
from collections.abc import Iterator

import pytest

from shared.db import Connection, in_transaction, make_pool
from tests.support.pgbouncer import pgbouncer_for, server_connections
from tests.support.waiting import wait_until


@pytest.fixture
def pooled_url(database_url: str) -> Iterator[str]:
    """Through PgBouncer, with two connections to Postgres."""
    with pgbouncer_for(database_url, max_db_connections=2, min_pool_size=0) as pgbouncer:
        server = pgbouncer.start()
        try:
            yield pgbouncer.url
        finally:
            server.stop()


@pytest.mark.parametrize(
    ("asked", "path", "cut_after"),
    [
        ("", '"$user", public', "10s"),
        ("&options=-c%20search_path%3Dsalons", "salons", "10s"),
        ("&options=-c%20statement_timeout%3D2000", '"$user", public', "2s"),
    ],
)
async def test_options_of_the_url_are_kept_beside_our_own(
    database_url: str, asked: str, path: str, cut_after: str
) -> None:
    pool = make_pool(f"{database_url}{asked}", 1, "test")
    async with pool, pool.connection() as connection:
        answers = [
            await (await connection.execute(query)).fetchone()
            for query in ("SHOW search_path", "SHOW statement_timeout")
        ]

    assert answers == [{"search_path": path}, {"statement_timeout": cut_after}]


async def test_behind_pgbouncer_nothing_is_kept_on_a_connection_that_is_anybodys(
    database_url: str, pooled_url: str
) -> None:
    """Eight of ours share two; a statement that was prepared on one would be lost on the other."""
    pool = make_pool(pooled_url, 8, "test")

    async def count(connection: Connection) -> int:
        total = 0
        for number in range(20):
            row = await (
                await connection.execute("SELECT %s::int AS number, pg_sleep(0.001)", (number,))
            ).fetchone()
            total += row["number"] if row else 0
        return total

    async def count_outside() -> int:
        async with pool.connection() as connection:
            return await count(connection)

    async def all_count() -> bool:
        """Whether both were there for it: a busy Postgres may take its time with the second."""
        counting = (in_transaction(pool, count) for _ in range(8))
        totals = await asyncio.gather(*(count_outside() for _ in range(8)), *counting)
        assert totals == [190] * 16
        return len(server_connections(database_url)) == 2

    async with pool:
        await wait_until(all_count)
        async with pool.connection() as connection:
            prepared = await (
                await connection.execute("SELECT count(*) AS count FROM pg_prepared_statements")
            ).fetchone()

    assert prepared == {"count": 0}


async def test_pgbouncers_own_deadline_for_statements_is_ours(pooled_url: str) -> None:
    async with make_pool(pooled_url, 1, "test") as pool, pool.connection() as connection:
        row = await (await connection.execute("SHOW statement_timeout")).fetchone()

    assert row == {"statement_timeout": "10s"}
