"""The pool's own settings and those that an operator writes into DATABASE_URL."""

import pytest

from shared.db import make_pool


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
