"""Table ``whatsapp_processes``: the leases of WhatsApp processes, and who owns which session."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from shared.company_id import SessionId
from shared.db import Connection, Row, load_queries
from whatsapp_service.store.sessions import Tenure

_SQL: Final = load_queries(Path(__file__).with_name("owners.sql"))

RETIREMENT_LOCK: Final = 0x41_49_52_45
"""Any number, as long as it stays the same and is nobody else's."""


@dataclass(frozen=True, slots=True)
class Process:
    """A lease. ``silent_s``: since its last renewal, by the database's clock.

    ``epochs``: the sum over its sessions, which tells one set of tenures from another.
    ``reaches_redis``: as it has said with that renewal; None: nothing is known.
    """

    process_id: str
    machine: str
    pid: int
    born: int
    draining: bool
    sessions: int
    silent_s: float
    epochs: int = 0
    reaches_redis: bool | None = None


@dataclass(frozen=True, slots=True)
class Town:
    """All leases, and how many linked or frozen sessions nobody owns."""

    processes: tuple[Process, ...]
    free: int


async def register(
    connection: Connection, process_id: str, machine: str, pid: int, born: int
) -> None:
    """Again, too: the answer to the first time may have been lost."""
    await connection.execute(
        _SQL["register_process"],
        {"process_id": process_id, "machine": machine, "pid": pid, "born": born},
    )


async def renew(connection: Connection, process_id: str, *, reaches_redis: bool | None) -> bool:
    """False when the lease is gone: its process owns nothing any more."""
    cursor = await connection.execute(
        _SQL["renew_lease"], {"process_id": process_id, "reaches_redis": reaches_redis}
    )
    return cursor.rowcount == 1


async def look_around(connection: Connection) -> Town:
    cursor = await connection.execute(_SQL["all_processes"])
    processes = tuple(Process(**row) for row in await cursor.fetchall())
    cursor = await connection.execute(_SQL["count_free"])
    row = await cursor.fetchone()
    return Town(processes, int(row["free"]) if row else 0)


async def bury(connection: Connection, process_id: str, silent_s: float) -> bool:
    """End the lease of a process that has not renewed it for so long. False: it has, or is gone."""
    cursor = await connection.execute(
        _SQL["bury_silent"], {"process_id": process_id, "silent_s": silent_s}
    )
    return await cursor.fetchone() is not None


async def leave(connection: Connection, process_id: str) -> None:
    """The end of a life: what the process still owns is free."""
    await connection.execute(_SQL["leave"], {"process_id": process_id})


async def set_draining(connection: Connection, process_id: str, *, draining: bool) -> bool:
    """False when there is no such process."""
    cursor = await connection.execute(
        _SQL["set_draining"], {"process_id": process_id, "draining": draining}
    )
    return await cursor.fetchone() is not None


async def retire(connection: Connection, process_id: str, lease_s: float) -> bool:
    """Drain this process, unless another is handing over its sessions, or none could take ours.

    One after the other: two that ask at once would each take the other for its heir.
    """
    async with connection.transaction():
        await connection.execute(_SQL["lock_retirements"], {"key": RETIREMENT_LOCK})
        asked = {"process_id": process_id, "lease_s": lease_s}
        cursor = await connection.execute(_SQL["retire"], asked)
        return await cursor.fetchone() is not None


async def place(
    connection: Connection,
    session_id: SessionId,
    taker: str,
    suspects: Sequence[str],
    lease_s: float,
) -> Tenure | None:
    """The session's owner; of a session without one the least loaded process becomes it.

    A suspect gives no sign of life, but is not known to be dead: it keeps what is linked, and
    nothing else. The taker lives, however old its lease is: Postgres may have been away. None when
    no process takes sessions: all are draining.
    """
    asked = {
        "session_id": session_id,
        "taker": taker,
        "suspects": list(suspects),
        "lease_s": lease_s,
    }
    for statement in ("find_owner", "place_session", "find_owner"):
        cursor = await connection.execute(_SQL[statement], asked)
        row = await cursor.fetchone()
        if row is not None:
            return Tenure(**row)
    return None


async def take(connection: Connection, session_id: SessionId, process_id: str) -> Tenure | None:
    """Own this session; None when another does."""
    cursor = await connection.execute(
        _SQL["take_session"], {"session_id": session_id, "process_id": process_id}
    )
    row = await cursor.fetchone()
    return Tenure(**row) if row else None


async def claim(connection: Connection, process_id: str, limit: int) -> list[Tenure]:
    """Own up to ``limit`` free sessions, the most recently connected first, frozen ones last."""
    cursor = await connection.execute(
        _SQL["claim_sessions"], {"process_id": process_id, "limit": limit}
    )
    rows = await cursor.fetchall()
    rows.sort(key=_urgency)
    return [Tenure(row["session_id"], row["owner"], row["epoch"]) for row in rows]


def _urgency(row: Row) -> tuple[bool, float]:
    last = row["last_connected_at"]
    return row["frozen"], -last.timestamp() if last else 0.0


async def hand_over(connection: Connection, tenure: Tenure, heir: str) -> bool:
    """False, and nothing is changed, when it is not ours, or the heir takes none."""
    cursor = await connection.execute(_SQL["hand_over"], {**asdict(tenure), "heir": heir})
    return await cursor.fetchone() is not None


async def release(connection: Connection, tenure: Tenure) -> None:
    await connection.execute(_SQL["release"], asdict(tenure))


async def owned(connection: Connection, process_id: str) -> list[Tenure]:
    cursor = await connection.execute(_SQL["owned_sessions"], {"process_id": process_id})
    return [Tenure(**row) for row in await cursor.fetchall()]


async def linked_or_frozen(connection: Connection) -> set[SessionId]:
    cursor = await connection.execute(_SQL["linked_or_frozen"])
    return {row["session_id"] for row in await cursor.fetchall()}
