"""Table ``whatsapp_proxies``: salons whose connections do not go the default way."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.company_id import SessionId
from shared.db import Connection, load_queries

_SQL: Final = load_queries(Path(__file__).with_name("queries.sql"))


@dataclass(frozen=True, slots=True, repr=False)
class StoredRoute:
    """``url`` may hold a password; None for a salon that goes directly."""

    session_id: SessionId
    url: str | None


async def find_route(connection: Connection, session_id: SessionId) -> StoredRoute | None:
    cursor = await connection.execute(_SQL["find_proxy"], {"session_id": session_id})
    row = await cursor.fetchone()
    return StoredRoute(**row) if row else None


async def all_routes(connection: Connection) -> list[StoredRoute]:
    cursor = await connection.execute(_SQL["all_proxies"])
    return [StoredRoute(**row) for row in await cursor.fetchall()]


async def save_route(connection: Connection, route: StoredRoute) -> None:
    await connection.execute(_SQL["save_proxy"], {"session_id": route.session_id, "url": route.url})


async def delete_route(connection: Connection, session_id: SessionId) -> bool:
    """False when there was none."""
    cursor = await connection.execute(_SQL["delete_proxy"], {"session_id": session_id})
    return cursor.rowcount > 0
