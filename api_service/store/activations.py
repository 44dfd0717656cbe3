"""How far each salon's activation has come: columns of ``companies``."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from api_service.store.queries import query
from shared.company_id import CompanyId, SalonId
from shared.db import Connection

CLAIM_S: Final = 15.0
"""What a killed process has in hand is taken over after this."""
DOUBT_S: Final = 3600.0
"""After this no call is carried out any more, however it was held up on its way."""


class IntegrationStatus(StrEnum):
    """``companies.integration_status``; a wire contract."""

    PENDING_WHATSAPP = "pending_whatsapp"
    ACTIVATING = "activating"
    ACTIVE = "active"
    ACTIVATION_PENDING = "activation_pending"
    ACTIVATION_FAILED = "activation_failed"
    PENDING_CALLBACK = "pending_callback"
    FROZEN = "frozen"
    UNINSTALLED = "uninstalled"


@dataclass(frozen=True, slots=True)
class ActivationState:
    company_id: CompanyId
    status: IntegrationStatus
    installation: int
    reason: str | None
    whatsapp_connected: bool


@dataclass(frozen=True, slots=True)
class FreshSecrets:
    """For a salon that has none yet; sealed."""

    api_key: str
    webhook_secret: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a salon's activation, for `CLAIM_S` from the last renewal.

    ``sent``: it was sent to YClients before, and what became of it is not known. ``failures``
    since the last success. The secrets are sealed, except a key of the previous system.

    ``in_doubt``: a call that carries them, of whichever installation, may still reach YClients.
    ``interrupted``: attempts before this one, in a row, that have ended without a word.
    """

    id: UUID
    salon_id: SalonId
    company_id: CompanyId
    status_before: IntegrationStatus
    failures: int
    sent: bool
    api_key: str
    webhook_secret: str
    installation: int
    in_doubt: bool = False
    interrupted: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an attempt ended. ``retry_in_s``: None when there is nothing to be done any more.

    ``may_be_sent``: YClients may have it; only then the key is kept. ``in_doubt``: a call may reach
    YClients yet; until it cannot any more, every installation of the salon has the same secrets.
    ``interrupted``: as in `Claim`, when this attempt has not ended by itself either.
    """

    status: IntegrationStatus
    reason: str | None
    retry_in_s: float | None
    failures: int
    may_be_sent: bool
    in_doubt: bool = False
    interrupted: int = 0


async def read_activation(connection: Connection, salon_id: SalonId) -> ActivationState | None:
    cursor = await connection.execute(query("read_activation"), {"salon_id": salon_id})
    row = await cursor.fetchone()
    if row is None:
        return None
    return ActivationState(**{**row, "status": IntegrationStatus(row["status"])})


@dataclass(frozen=True, slots=True)
class LeftCallback:
    """The secrets are sealed."""

    status: IntegrationStatus
    api_key: str | None
    webhook_secret: str | None


async def find_left_callback(connection: Connection, salon_id: SalonId) -> LeftCallback | None:
    cursor = await connection.execute(query("find_left_callback"), {"salon_id": salon_id})
    row = await cursor.fetchone()
    if row is None:
        return None
    return LeftCallback(**{**row, "status": IntegrationStatus(row["status"])})


async def due_activations(connection: Connection, limit: int) -> list[SalonId]:
    """Whose next step is due, the longest waiting first."""
    cursor = await connection.execute(query("due_activations"), {"limit": limit})
    return [SalonId(row["salon_id"]) for row in await cursor.fetchall()]


async def waiting_for_whatsapp(connection: Connection, limit: int) -> list[SalonId]:
    """Touched in the last two days and not linked, as far as we know."""
    cursor = await connection.execute(query("waiting_for_whatsapp"), {"limit": limit})
    return [SalonId(row["salon_id"]) for row in await cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class NewLink:
    """``due``: an activation is, by it."""

    due: bool
    status: IntegrationStatus


async def note_connected(connection: Connection, salon_id: SalonId, phone: str) -> NewLink | None:
    """None, and nothing is written, when it was known."""
    cursor = await connection.execute(
        query("note_connected"), {"salon_id": salon_id, "phone": phone}
    )
    row = await cursor.fetchone()
    return NewLink(row["due"], IntegrationStatus(row["status"])) if row else None


async def note_logged_out(connection: Connection, salon_id: SalonId) -> None:
    await connection.execute(query("note_logged_out"), {"salon_id": salon_id})


async def forget_doubts(connection: Connection) -> int:
    """What calls carried that can no longer arrive; of how many salons."""
    return (await connection.execute(query("forget_doubts"))).rowcount
