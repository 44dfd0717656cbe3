"""Salons as rows of the database that a test looks into and writes to directly."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from tests.support.api import PARTNER_TOKEN, sealed
from tests.support.salons import Salons


def lifecycle(salon: int, event: str, **more: Any) -> dict[str, Any]:
    """What YClients sends of a salon's application."""
    return {
        "salon_id": salon,
        "application_id": 77,
        "event": event,
        "partner_token": PARTNER_TOKEN,
        **more,
    }


class SalonRows(Salons):
    """And what it takes to put them into a state, and to be in their way."""

    async def change(self, statement: str, *values: object) -> None:
        """Not in the event loop: an API in it may hold the row, and could never let it go."""
        await asyncio.to_thread(self.run, statement, *values)

    def add(self, salon: int, status: str = "active", hook: str = "of-the-hook") -> None:
        """Linked, with a key, a hook's address and an owner's contact data."""
        self.run(
            "INSERT INTO companies (yclients_id, integration_status, installation, api_key,"
            " webhook_secret, whatsapp_connected, whatsapp_phone, marketplace_user_phone,"
            " marketplace_user_name) VALUES (%s, %s, 1, %s, %s, true, '79990000001',"
            " '79990000002', 'Anna')",
            salon,
            status,
            sealed("an-api-key"),
            sealed(hook),
        )

    def status(self, salon: int) -> str:
        return str(self.row(salon)["integration_status"])

    async def connect_anew(self, salon: int) -> None:
        """As a redirect of its owner does."""
        await asyncio.to_thread(self._connect_anew, salon)

    def _connect_anew(self, salon: int) -> None:
        """At once, as a redirect does: whoever looks sees both or neither."""
        self.run(
            "WITH salon AS (UPDATE companies SET installation = installation + 1,"
            " integration_status = 'pending_whatsapp', erase_due_at = NULL"
            " WHERE yclients_id = %s RETURNING id, yclients_id, installation)"
            " INSERT INTO marketplace_events (company_id, salon_id, event_type, event_data)"
            " SELECT id, yclients_id, 'registration_started',"
            " jsonb_build_object('installation', installation) FROM salon",
            salon,
        )

    @contextlib.asynccontextmanager
    async def locked(self, table: str) -> AsyncIterator[None]:
        """Whoever touches the table meanwhile hangs."""
        with psycopg.connect(self.database_url) as connection:
            statement = SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(Identifier(table))
            await asyncio.to_thread(connection.execute, statement)
            yield

    def cut_all_connections(self, from_url: str) -> None:
        """``from_url``: of another database on the same server."""
        name = self.database_url.rpartition("/")[2].partition("?")[0]
        with psycopg.connect(from_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )

    def webhooks(self, salon: int) -> list[dict[str, Any]]:
        return self.run("SELECT * FROM marketplace_webhooks WHERE salon_id = %s ORDER BY id", salon)

    def states(self, salon: int) -> list[str]:
        return [row["state"] for row in self.webhooks(salon)]
