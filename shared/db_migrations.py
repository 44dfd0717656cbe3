"""``python -m shared.db_migrations``: bring the database named by DATABASE_URL up to date.

The files in ``migrations/`` are applied in order, each in a transaction of its own, by yoyo.
Forward only.
"""

import glob
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo import read_migrations
from yoyo.backends import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"
HISTORY_TABLE: Final = "_yoyo_migration"
CONNECT_TIMEOUT_S: Final = 5
LOCK_KEY: Final = 0x41_49_41_44  # any number, as long as it stays the same


class MigrationError(Exception):
    """The database is not up to date. The text says why, without the URL's password."""


def apply_migrations(
    database_url: str, *, timeout_s: float = 60.0, folder: Path = MIGRATIONS
) -> list[str]:
    """Apply what is not applied yet; return its ids in order.

    Safe to call from several processes at once: the others wait, ``timeout_s`` at most, and find
    nothing to do. A process killed half-way leaves no lock behind, and its unfinished migration
    is rolled back. Raises MigrationError; the migrations before the failed one stay applied.
    """
    try:
        with _alone(database_url, timeout_s), _backend(database_url, timeout_s) as backend:
            # yoyo's own lock is a row that a killed process leaves behind. Ours is held: stale.
            backend.break_lock()
            return _apply_pending(backend, folder)
    except psycopg.Error as error:
        raise MigrationError(_first_line(error)) from error


def _apply_pending(backend: Any, folder: Path) -> list[str]:
    known = read_migrations(glob.escape(str(folder)))
    if not known:
        raise MigrationError(f"there are no migrations in {folder}")
    applied: list[str] = []
    for migration in backend.to_apply(known):
        try:
            backend.apply_one(migration)
        except psycopg.Error as error:
            raise MigrationError(f"{migration.id}: {_first_line(error)}") from error
        applied.append(migration.id)
    return applied


@contextmanager
def _alone(database_url: str, timeout_s: float) -> Iterator[None]:
    """Hold the migrations' lock: an advisory one, gone with its transaction however that ends."""
    with (
        psycopg.connect(database_url, connect_timeout=CONNECT_TIMEOUT_S) as connection,
        connection.transaction(),
    ):
        if connection.execute("SELECT pg_backend_pid()").fetchone() != (
            connection.info.backend_pid,
        ):
            raise MigrationError("DATABASE_URL names a pooler; migrations need Postgres itself")
        connection.execute(f"SET LOCAL lock_timeout = {int(timeout_s * 1000)}")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
        yield


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc] # yoyo has no types
    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        """As yoyo's, less the host's name: without DNS, looking it up takes many seconds."""
        return {
            "id": str(uuid.uuid4()),
            "migration_id": migration and migration.id,
            "migration_hash": migration and migration.hash,
            "username": None,
            "hostname": None,
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }


def _backend(database_url: str, timeout_s: float) -> Any:
    parts: dict[str, Any] = conninfo_to_dict(database_url)
    uri = DatabaseURI(
        scheme="postgresql+psycopg",
        username=parts.pop("user", None),
        password=parts.pop("password", None),
        hostname=parts.pop("host", None),
        port=parts.pop("port", None),
        database=parts.pop("dbname", None),
        args={
            **parts,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": f"-c lock_timeout={int(timeout_s * 1000)} -c client_min_messages=warning",
        },
    )
    backend = _Backend(uri, HISTORY_TABLE)
    backend.init_database()
    return backend


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]


def main() -> int:
    database_url = os.environ.get("DATABASE_URL", "")
    if not database_url:
        sys.stderr.write("migrations: DATABASE_URL is missing\n")
        return 78
    try:
        applied = apply_migrations(database_url)
    except MigrationError as error:
        sys.stderr.write(f"migrations: {error}\n")
        return 1
    sys.stderr.write(f"migrations: {', '.join(applied) or 'nothing to do'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
