"""Table ``whatsapp_sessions``: which device is whose. Owned by the WhatsApp process."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.company_id import SessionId
from shared.db import Connection, load_queries

_SQL: Final = load_queries(Path(__file__).with_name("queries.sql"))


@dataclass(frozen=True, slots=True)
class StoredSession:
    """``jid`` with its device part, as the library's store has it; None when nothing is linked."""

    session_id: SessionId
    jid: str | None
    frozen: bool


async def save_device(connection: Connection, session_id: SessionId, jid: str, phone: str) -> None:
    await connection.execute(
        _SQL["save_device"], {"session_id": session_id, "jid": jid, "phone": phone}
    )


async def mark_connected(
    connection: Connection, session_id: SessionId, jid: str, phone: str
) -> None:
    """Whole row: the device may not have been recorded when it was linked."""
    await connection.execute(
        _SQL["mark_connected"], {"session_id": session_id, "jid": jid, "phone": phone}
    )


async def forget_device(
    connection: Connection, session_id: SessionId, state: str, reason: str
) -> None:
    await connection.execute(
        _SQL["forget_device"], {"session_id": session_id, "state": state, "reason": reason}
    )


async def mark_ended(
    connection: Connection, session_id: SessionId, state: str, reason: str
) -> None:
    await connection.execute(
        _SQL["mark_ended"], {"session_id": session_id, "state": state, "reason": reason}
    )


async def set_frozen(connection: Connection, session_id: SessionId, *, frozen: bool) -> None:
    """Also for a salon that was never linked."""
    await connection.execute(_SQL["set_frozen"], {"session_id": session_id, "frozen": frozen})


async def sessions_to_restore(connection: Connection) -> list[StoredSession]:
    """Linked or frozen: the most recently connected first, the frozen ones last."""
    cursor = await connection.execute(_SQL["sessions_to_restore"])
    return [StoredSession(**row) for row in await cursor.fetchall()]


async def find_session(connection: Connection, session_id: SessionId) -> StoredSession | None:
    cursor = await connection.execute(_SQL["find_session"], {"session_id": session_id})
    row = await cursor.fetchone()
    return StoredSession(**row) if row else None


async def delete_credentials(connection: Connection, jid: str) -> None:
    """From the library's own tables, whose other rows of the device go with it."""
    await connection.execute(_SQL["delete_credentials"], {"jid": jid})


async def credentials_exist(connection: Connection, jid: str) -> bool:
    """Asks the library's own table; its connection must be to the library's store."""
    cursor = await connection.execute(_SQL["credentials_exist"], {"jid": jid})
    row = await cursor.fetchone()
    return bool(row and row["found"])
