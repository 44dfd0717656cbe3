"""Lifecycle notifications as a durable queue. The caller owns the transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from api_service.store.queries import query
from shared.company_id import SalonId
from shared.db import Connection
from shared.messages.envelope import new_id

CLAIM_S: Final = 10.0
"""What a killed process has in hand is taken over after this."""
LEFT_AT_ONCE: Final = 3
"""What was left more often is no longer taken over at once: it may be what kills."""
FIRST_RETRY_S: Final = 5.0
LONGEST_RETRY_S: Final = 3600.0

Payload = dict[str, Any]


class ClaimTakenError(Exception):
    """Another process has claimed a notification of the same salon in the same moment."""


@dataclass(frozen=True, slots=True)
class Received:
    """``queued``: it has an effect; else it is only recorded. ``delay_s``: not before that."""

    webhook_id: str
    idempotency_key: str
    salon_id: SalonId
    event_type: str
    installation: int
    payload: Payload
    received_at: datetime
    queued: bool = True
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """The right to carry a notification out, for `CLAIM_S` from the last renewal.

    ``step``: the last one that was finished, by whomever. ``attempts`` with this one.
    """

    id: int
    claim: UUID
    webhook_id: str
    idempotency_key: str
    salon_id: SalonId
    event_type: str
    installation: int
    payload: Payload
    source: str
    step: str | None
    attempts: int


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """As operators see it: without what was in it."""

    id: int
    webhook_id: str
    salon_id: SalonId
    event_type: str
    installation: int
    source: str
    state: str
    step: str | None
    attempts: int
    due_at: datetime
    reason: str | None
    received_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class WebhookFigures:
    """``oldest_queued_s``: None when nothing waits."""

    oldest_queued_s: float | None
    queued: int
    failed: int


async def present_installation(connection: Connection, salon_id: SalonId) -> int:
    """0 for a salon that is not known."""
    cursor = await connection.execute(query("present_installation"), {"salon_id": salon_id})
    row = await cursor.fetchone()
    return int(row["installation"]) if row else 0


async def installation_at(connection: Connection, salon_id: SalonId, received_at: datetime) -> int:
    """Which installation of the salon it was, when something was received earlier than now."""
    cursor = await connection.execute(
        query("installation_at"), {"salon_id": salon_id, "received_at": received_at}
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row["installation"])


async def let_past_freeze_go(connection: Connection, idempotency_key: str) -> None:
    """A freeze of that key which was carried out, and ended since, is no reason to skip one."""
    await connection.execute(query("let_past_freeze_go"), {"idempotency_key": idempotency_key})


async def receive_webhook(connection: Connection, received: Received) -> str | None:
    """The id under which it was known before; None when it is new, or tried anew."""
    cursor = await connection.execute(
        query("receive_webhook"),
        {
            "webhook_id": received.webhook_id,
            "idempotency_key": received.idempotency_key,
            "salon_id": received.salon_id,
            "event_type": received.event_type,
            "installation": received.installation,
            "payload": Jsonb(received.payload),
            "source": "webhook",
            "state": "queued" if received.queued else "recorded",
            "delay_s": received.delay_s,
            "received_at": received.received_at,
        },
    )
    if await cursor.fetchone() is not None:
        return None
    key = {"idempotency_key": received.idempotency_key}
    row = await (await connection.execute(query("webhook_of_key"), key)).fetchone()
    return str(row["webhook_id"]) if row else received.webhook_id


async def add_job(
    connection: Connection, salon_id: SalonId, event_type: str, source: str
) -> str | None:
    """Work of our own making (``reconciliation``, ``polling``, ``admin``), done by the queue.

    None when the salon is not known, or the same work waits already.
    """
    cursor = await connection.execute(
        query("add_job"),
        {
            "webhook_id": new_id(),
            "salon_id": salon_id,
            "event_type": event_type,
            "source": source,
        },
    )
    row = await cursor.fetchone()
    return str(row["webhook_id"]) if row else None


async def end_old_claims(connection: Connection) -> int:
    """How many were left by a process that is gone."""
    pauses = {
        "at_once": LEFT_AT_ONCE,
        "first_s": FIRST_RETRY_S,
        "longest_s": LONGEST_RETRY_S,
    }
    return (await connection.execute(query("end_old_claims"), pauses)).rowcount


async def claim_webhook(connection: Connection) -> Job | None:
    """None when nothing is due. Raises `ClaimTakenError`: another process was faster, ask again."""
    claim = uuid4()
    try:
        cursor = await connection.execute(
            query("claim_webhook"), {"claim": claim, "claim_s": CLAIM_S}
        )
    except UniqueViolation:
        raise ClaimTakenError from None
    row = await cursor.fetchone()
    return Job(claim=claim, **row) if row else None


async def renew_claim(connection: Connection, job: Job) -> bool:
    return await _changed(connection, "renew_webhook_claim", job, claim_s=CLAIM_S)


async def finish_step(connection: Connection, job: Job, step: str) -> bool:
    """False when the claim is lost."""
    return await _changed(connection, "finish_step", job, step=step)


async def finish_webhook(connection: Connection, job: Job, reason: str | None) -> bool:
    """False when the claim is lost."""
    return await _changed(connection, "finish_webhook", job, reason=reason)


async def postpone_webhook(
    connection: Connection, job: Job, reason: str, retry_in_s: float | None
) -> bool:
    """Try it again later; for ``retry_in_s`` None not before somebody asks for it."""
    return await _changed(
        connection,
        "postpone_webhook",
        job,
        reason=reason[:200],
        state="failed" if retry_in_s is None else "queued",
        retry_in_s=retry_in_s or 0.0,
    )


async def hurry_webhooks(connection: Connection, reason: str) -> int:
    """What is to be tried again for this reason is due now; how many they are."""
    return (await connection.execute(query("hurry_webhooks"), {"reason": reason})).rowcount


async def list_webhooks(
    connection: Connection,
    *,
    limit: int,
    state: str | None = None,
    salon_id: SalonId | None = None,
    before_id: int | None = None,
) -> list[WebhookRow]:
    """The newest first; ``before_id`` reads on."""
    cursor = await connection.execute(
        query("list_webhooks"),
        {"limit": limit, "state": state, "salon_id": salon_id, "before_id": before_id},
    )
    return [WebhookRow(**row) for row in await cursor.fetchall()]


async def replay_webhook(connection: Connection, webhook_id: str) -> SalonId | None:
    """Carry it out again from its first step. None when there is none, or it waits anyway.

    It has no effect when the salon was connected anew meanwhile.
    """
    cursor = await connection.execute(query("replay_webhook"), {"webhook_id": webhook_id})
    row = await cursor.fetchone()
    return SalonId(row["salon_id"]) if row else None


async def webhook_figures(connection: Connection) -> WebhookFigures:
    row = await (await connection.execute(query("webhook_figures"))).fetchone()
    assert row is not None
    return WebhookFigures(**row)


async def forget_old_webhooks(connection: Connection, days: int) -> None:
    await connection.execute(query("forget_old_webhooks"), {"days": days})


async def _changed(connection: Connection, name: str, job: Job, **values: Any) -> bool:
    cursor = await connection.execute(query(name), {"id": job.id, "claim": job.claim, **values})
    return cursor.rowcount > 0
