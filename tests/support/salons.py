"""Salons as Postgres has them, for tests that look from outside."""

from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row
from pydantic import SecretStr

from api_service.core.vault import Vault
from tests.support.api import ENCRYPTION_KEY

_VAULT: Final = Vault([SecretStr(ENCRYPTION_KEY)])


@dataclass(frozen=True)
class Salons:
    """Everything of one database; each call is a transaction of its own."""

    database_url: str

    def register(self, *salon_ids: int) -> None:
        """As after a redirect: nothing linked yet."""
        for salon_id in salon_ids:
            self.run(
                "INSERT INTO companies (yclients_id, integration_status, installation)"
                " VALUES (%s, 'pending_whatsapp', 1)",
                salon_id,
            )

    def statuses(self) -> dict[int, str]:
        rows = self.run("SELECT yclients_id, integration_status AS status FROM companies")
        return {row["yclients_id"]: row["status"] for row in rows}

    def row(self, salon_id: int) -> dict[str, Any]:
        [row] = self.run("SELECT * FROM companies WHERE yclients_id = %s", salon_id)
        return row

    def api_key(self, salon_id: int) -> str | None:
        """Opened."""
        return self._opened(salon_id, "api_key")

    def webhook_secret(self, salon_id: int) -> str | None:
        """Opened."""
        return self._opened(salon_id, "webhook_secret")

    def _opened(self, salon_id: int, column: str) -> str | None:
        sealed = self.row(salon_id)[column]
        return None if sealed is None else _VAULT.open(sealed)

    def history(self, salon_id: int) -> list[str]:
        rows = self.run(
            "SELECT event_type FROM marketplace_events WHERE salon_id = %s ORDER BY id", salon_id
        )
        return [row["event_type"] for row in rows]

    def events(self, salon_id: int, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
        """Of these kinds, with their data."""
        rows = self.run(
            "SELECT event_type, event_data FROM marketplace_events"
            " WHERE salon_id = %s AND event_type = ANY(%s) ORDER BY id",
            salon_id,
            list(kinds),
        )
        return [(row["event_type"], row["event_data"]) for row in rows]

    def time_passes(self) -> None:
        """Whatever waits for its next try is due."""
        self.run("UPDATE companies SET activation_due_at = now() WHERE activation_due_at > now()")

    def run(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(
            self.database_url, autocommit=True, row_factory=dict_row
        ) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
