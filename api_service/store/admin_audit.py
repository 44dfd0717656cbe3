"""What was done with the admin API: kept for good. The caller owns the transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg.types.json import Jsonb

from api_service.store.queries import query
from shared.company_id import SalonId
from shared.db import Connection


class Outcome(StrEnum):
    """``ATTEMPTED`` stays when the process died before YClients' answer was written down."""

    ATTEMPTED = "attempted"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who, by what right, and from where: an address, or ``shell`` for a command."""

    name: str
    role: str
    address: str
    token_id: int | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """``action``: a stable snake_case word. ``detail`` must hold neither secrets nor numbers."""

    action: str
    salon_id: SalonId | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    id: int
    actor: str
    role: str
    address: str
    action: str
    salon_id: int | None
    detail: dict[str, Any]
    outcome: Outcome
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """``before_id``: only older records than that one."""

    before_id: int | None = None
    salon_id: SalonId | None = None
    actor: str | None = None
    outcome: Outcome | None = None


async def add_audit_record(
    connection: Connection, actor: Actor, deed: Deed, outcome: Outcome
) -> int:
    """Its id."""
    cursor = await connection.execute(
        query("add_audit_record"),
        {
            "actor": actor.name,
            "role": actor.role,
            "token_id": actor.token_id,
            "address": actor.address,
            "action": deed.action,
            "salon_id": deed.salon_id,
            "detail": Jsonb(dict(deed.detail)),
            "outcome": outcome.value,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row["id"])


async def finish_audit_record(
    connection: Connection, record_id: int, outcome: Outcome, detail: Mapping[str, Any]
) -> None:
    """Of one that was attempted; ``detail`` is added to what is there."""
    await connection.execute(
        query("finish_audit_record"),
        {"id": record_id, "outcome": outcome.value, "detail": Jsonb(dict(detail))},
    )


async def audit_records(
    connection: Connection, wanted: AuditFilter, count: int
) -> list[AuditRecord]:
    """The newest first."""
    cursor = await connection.execute(
        query("audit_records"),
        {
            "before_id": wanted.before_id,
            "salon_id": wanted.salon_id,
            "actor": wanted.actor,
            "outcome": wanted.outcome and wanted.outcome.value,
            "count": count,
        },
    )
    rows = await cursor.fetchall()
    return [AuditRecord(**{**row, "outcome": Outcome(row["outcome"])}) for row in rows]


async def salon_of_payment(connection: Connection, payment_id: int) -> SalonId | None:
    """Of a payment that was told to YClients from here."""
    cursor = await connection.execute(query("salon_of_payment"), {"payment_id": payment_id})
    row = await cursor.fetchone()
    return SalonId(row["salon_id"]) if row else None
