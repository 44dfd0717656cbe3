"""Table ``whatsapp_sessions``: which device is whose. Owned by the WhatsApp process."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from shared.company_id import SessionId
from shared.db import Connection, load_queries

_SQL: Final = load_queries(Path(__file__).with_name("queries.sql"))


@dataclass(frozen=True, slots=True)
class StoredSession:
    """``jid`` with its device part, as the library's store has it; None when nothing is linked.

    ``reason``: why it has ended, if it has; ``retry_in_s``: until it is tried again by itself,
    negative when that is past. ``phone_seen_s``: since the epoch, of whatever phone it had last.
    ``link_cut``: a link to another device was cut in the middle since this one was linked.
    """

    session_id: SessionId
    jid: str | None
    frozen: bool
    reason: str | None = None
    retry_in_s: float | None = None
    phone_seen_s: float | None = None
    link_cut: bool = False


@dataclass(frozen=True, slots=True)
class Tenure:
    """The right to a session: ``owner`` is a process id, ``epoch`` the fencing number."""

    session_id: SessionId
    owner: str
    epoch: int


class FencedError(Exception):
    """The session has another owner now; nothing was written."""


async def save_device(connection: Connection, tenure: Tenure, jid: str, phone: str) -> None:
    await _write(connection, "save_device", tenure, jid=jid, phone=phone)


async def give_device(connection: Connection, session_id: SessionId, jid: str, phone: str) -> None:
    """To a salon that has none, whoever owns its session."""
    await connection.execute(
        _SQL["give_device"], {"session_id": session_id, "jid": jid, "phone": phone}
    )


async def mark_connected(connection: Connection, tenure: Tenure, jid: str, phone: str) -> None:
    """The device, too: it may not have been recorded when it was linked."""
    await _write(connection, "mark_connected", tenure, jid=jid, phone=phone)


async def forget_device(connection: Connection, tenure: Tenure, state: str, reason: str) -> None:
    await _write(connection, "forget_device", tenure, state=state, reason=reason)


async def mark_ended(
    connection: Connection, tenure: Tenure, state: str, reason: str, retry_in_s: float | None
) -> None:
    await _write(
        connection, "mark_ended", tenure, state=state, reason=reason, retry_in_s=retry_in_s
    )


async def set_frozen(connection: Connection, tenure: Tenure, *, frozen: bool) -> None:
    """Also for a salon that was never linked."""
    await _write(connection, "set_frozen", tenure, frozen=frozen)


async def confirm(connection: Connection, tenure: Tenure) -> None:
    """Before something that reaches beyond our rows: a connection. Raises FencedError."""
    await _write(connection, "confirm", tenure)


async def _write(connection: Connection, statement: str, tenure: Tenure, **values: object) -> None:
    """By the session's owner alone. Raises FencedError."""
    cursor = await connection.execute(_SQL[statement], {**asdict(tenure), **values})
    if await cursor.fetchone() is None:
        raise FencedError


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
