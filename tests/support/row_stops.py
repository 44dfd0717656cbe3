"""Stops whoever writes a row at a chosen step, so that a test can kill it right there.

A trigger waits for an advisory lock that the test holds. The production code knows nothing of it.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from tests.support.waiting import block_until

LOCK: Final = 4_711

_FUNCTION: Final = SQL("""
CREATE OR REPLACE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({lock});
    RETURN NEW;
END $$
""")
_TRIGGER: Final = SQL("""
CREATE TRIGGER {name} BEFORE {event} ON {table}
FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION stop_here()
""")
_STOPPED: Final = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted
"""


class RowStops:
    """Open one with `row_stops`; at its end the triggers are gone and everybody goes on."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._triggers: list[tuple[str, str]] = []

    def on_update(self, table: str, condition: str) -> None:
        """``condition``: SQL over OLD and NEW."""
        self._add(table, "UPDATE", condition)

    def on_insert(self, table: str, condition: str) -> None:
        """``condition``: SQL over NEW."""
        self._add(table, "INSERT", condition)

    @property
    def stopped(self) -> int:
        """How many wait now."""
        row = self._connection.execute(_STOPPED, [LOCK]).fetchone()
        assert row is not None
        return int(row[0])

    def cut_off(self) -> None:
        """What the waiting ones were about to write is lost, as if they had died before."""
        self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND objid = %s AND NOT granted",
            [LOCK],
        )
        block_until(lambda: not self.stopped, what="those that waited are gone")

    def end(self) -> None:
        for table, name in self._triggers:
            self._connection.execute(
                SQL("DROP TRIGGER {} ON {}").format(Identifier(name), Identifier(table))
            )
        self._triggers.clear()

    def _add(self, table: str, event: str, condition: str) -> None:
        name = f"stop_{len(self._triggers)}"
        self._connection.execute(
            _TRIGGER.format(
                name=Identifier(name),
                event=SQL(event),
                table=Identifier(table),
                condition=SQL(condition),
            )
        )
        self._triggers.append((table, name))


@contextlib.contextmanager
def row_stops(database_url: str) -> Iterator[RowStops]:
    with psycopg.connect(database_url, autocommit=True) as holder:
        holder.execute(_FUNCTION.format(lock=Literal(LOCK)))
        holder.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        stops = RowStops(holder)
        try:
            yield stops
        finally:
            holder.execute("SELECT pg_advisory_unlock_all()")
            stops.end()
