"""Table ``whatsapp_link_attempts``: whose device a device in the making is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.company_id import SessionId
from shared.db import Connection, load_queries

_SQL: Final = load_queries(Path(__file__).with_name("queries.sql"))


@dataclass(frozen=True, slots=True)
class RecordedAttempt:
    """``identity``: the device's public identity key, 32 bytes.

    ``is_over``: it is so old that nothing can come of it any more. ``is_newer``: than the device
    that its salon has.
    """

    identity: bytes
    session_id: SessionId
    is_over: bool
    is_newer: bool


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A device in the library's store, and the private half of its identity: never log it."""

    jid: str
    identity_key: bytes


async def record(
    connection: Connection, identity: bytes, session_id: SessionId, process_id: str
) -> None:
    await connection.execute(
        _SQL["record_attempt"],
        {"identity": identity, "session_id": session_id, "process_id": process_id},
    )


async def left_behind(connection: Connection, over_s: float) -> list[RecordedAttempt]:
    """Left, of processes that are dead, or as old as ``over_s``; the oldest first."""
    cursor = await connection.execute(_SQL["attempts_left_behind"], {"over_s": over_s})
    return [RecordedAttempt(**row) for row in await cursor.fetchall()]


async def leave(connection: Connection, identity: bytes) -> None:
    """Its process is not at work on it any more."""
    await connection.execute(_SQL["leave_attempt"], {"identity": identity})


async def erase(connection: Connection, identities: list[bytes]) -> None:
    await connection.execute(_SQL["erase_attempts"], {"identities": identities})


async def stored_keys(connection: Connection) -> list[StoredKey]:
    """Asks the library's own table; its connection must be to the library's store."""
    cursor = await connection.execute(_SQL["stored_keys"])
    return [StoredKey(**row) for row in await cursor.fetchall()]


async def owned_jids(connection: Connection) -> set[str]:
    """Devices that a salon has."""
    cursor = await connection.execute(_SQL["owned_jids"])
    return {row["jid"] for row in await cursor.fetchall()}
