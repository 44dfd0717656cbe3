"""The fixtures keep what they promise: real servers, and nothing of one test in the next."""

import psycopg
import pytest
from redis import Redis


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_migrated_database_of_its_own(database_url: str, turn: int) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO companies (yclients_id) VALUES (%s)", (1000 + turn,))
        found = connection.execute("SELECT yclients_id FROM companies").fetchall()
    assert found == [(1000 + turn,)]


@pytest.mark.parametrize("turn", ["one", "two"])
def test_each_test_finds_redis_clean(redis_url: str, turn: str) -> None:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        client.set(turn, 1)
        assert client.keys() == [turn]
