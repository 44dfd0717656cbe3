"""Two ways to keep an activation's books: each step by one process, held by a claim that ends.

The `TransactionLedger` writes each step and its event together or not at all, under an advisory
lock of the salon; the `SimpleLedger` is the previous system's way: one statement after the other.
"""

from typing import Any, Final, Protocol
from uuid import uuid4

from api_service.store.activations import (
    CLAIM_S,
    DOUBT_S,
    Claim,
    FreshSecrets,
    IntegrationStatus,
    Settlement,
)
from api_service.store.marketplace_events import add_marketplace_event
from api_service.store.queries import query
from shared.company_id import SalonId
from shared.db import Connection, Pool, in_transaction

_LOCKS: Final = 0x41_43_54
"""First half of the advisory locks' keys; the other is the salon."""


class Ledger(Protocol):
    """Every method may raise what the database raises."""

    mode: str

    async def claim(self, salon_id: SalonId, fresh: FreshSecrets) -> Claim | None:
        """The secrets are kept with it. None when nothing is due, or another process has it."""

    async def renew(self, claim: Claim) -> bool:
        """False when the claim is lost: the salon was uninstalled, say, or connected anew."""

    async def mark_sent(self, claim: Claim) -> bool:
        """From now on YClients may have it. False when the claim is lost."""

    async def settle(self, claim: Claim, settlement: Settlement) -> bool:
        """End the attempt. False, and nothing is changed, when the claim is lost."""


class TransactionLedger:
    mode = "transaction"

    def __init__(self, database: Pool) -> None:
        self._database = database

    async def claim(self, salon_id: SalonId, fresh: FreshSecrets) -> Claim | None:
        async def work(connection: Connection) -> Claim | None:
            names = {"namespace": _LOCKS, "salon_id": salon_id}
            cursor = await connection.execute(query("lock_salon"), names)
            row = await cursor.fetchone()
            if row is None or not row["locked"]:
                return None
            claim = await _claim(connection, salon_id, fresh)
            if claim is not None:
                await _tell_started(connection, claim, self.mode)
            return claim

        return await in_transaction(self._database, work)

    async def renew(self, claim: Claim) -> bool:
        return await in_transaction(self._database, lambda it: _renew(it, claim))

    async def mark_sent(self, claim: Claim) -> bool:
        async def work(connection: Connection) -> bool:
            if not await _mark_sent(connection, claim):
                return False
            await _tell(connection, claim, "activation_sent", {"activation_mode": self.mode})
            return True

        return await in_transaction(self._database, work)

    async def settle(self, claim: Claim, settlement: Settlement) -> bool:
        async def work(connection: Connection) -> bool:
            settled = await _settle(connection, claim, settlement)
            await _tell_settled(connection, claim, settlement, self.mode, settled=settled)
            return settled

        return await in_transaction(self._database, work)


class SimpleLedger:
    """Each statement stands alone, so a crash may come between two of them.

    The end of an attempt is told before it is written: the next attempt tells it again, and nothing
    ever ends in silence.
    """

    mode = "simple"

    def __init__(self, database: Pool) -> None:
        self._database = database

    async def claim(self, salon_id: SalonId, fresh: FreshSecrets) -> Claim | None:
        async with self._database.connection() as connection:
            claim = await _claim(connection, salon_id, fresh)
            if claim is not None:
                await _tell_started(connection, claim, self.mode)
            return claim

    async def renew(self, claim: Claim) -> bool:
        async with self._database.connection() as connection:
            return await _renew(connection, claim)

    async def mark_sent(self, claim: Claim) -> bool:
        async with self._database.connection() as connection:
            if not await _mark_sent(connection, claim):
                return False
            await _tell(connection, claim, "activation_sent", {"activation_mode": self.mode})
            return True

    async def settle(self, claim: Claim, settlement: Settlement) -> bool:
        """After a failure this is the roll-back by hand: the key goes, the status says why."""
        async with self._database.connection() as connection:
            held = await _renew(connection, claim)
            await _tell_settled(connection, claim, settlement, self.mode, settled=held)
            return held and await _settle(connection, claim, settlement)


async def _claim(connection: Connection, salon_id: SalonId, fresh: FreshSecrets) -> Claim | None:
    claim_id = uuid4()
    values = {
        "salon_id": salon_id,
        "claim": claim_id,
        "claim_s": CLAIM_S,
        "api_key": fresh.api_key,
        "webhook_secret": fresh.webhook_secret,
    }
    cursor = await connection.execute(query("claim_activation"), values)
    row = await cursor.fetchone()
    if row is None:
        return None
    before = IntegrationStatus(row.pop("status_before"))
    return Claim(id=claim_id, salon_id=salon_id, status_before=before, **row)


async def _renew(connection: Connection, claim: Claim) -> bool:
    return await _changed(connection, "renew_claim", claim=claim.id, claim_s=CLAIM_S)


async def _mark_sent(connection: Connection, claim: Claim) -> bool:
    return await _changed(connection, "mark_sent", claim=claim.id, doubt_s=DOUBT_S)


async def _settle(connection: Connection, claim: Claim, settlement: Settlement) -> bool:
    return await _changed(
        connection,
        "settle_activation",
        claim=claim.id,
        status=settlement.status.value,
        reason=settlement.reason,
        retry_in_s=settlement.retry_in_s,
        failures=settlement.failures,
        may_be_sent=settlement.may_be_sent,
        in_doubt=settlement.in_doubt,
        interrupted=settlement.interrupted,
    )


async def _changed(connection: Connection, name: str, **values: Any) -> bool:
    cursor = await connection.execute(query(name), values)
    return cursor.rowcount > 0


async def _tell_started(connection: Connection, claim: Claim, mode: str) -> None:
    data: dict[str, Any] = {
        "activation_mode": mode,
        "attempt": claim.failures + 1,
        "status_before": claim.status_before.value,
        "installation": claim.installation,
    }
    if claim.in_doubt:
        data["in_doubt"] = True
    if claim.interrupted:
        data["interrupted"] = claim.interrupted
    await _tell(connection, claim, "activation_started", data)


async def _tell_settled(
    connection: Connection, claim: Claim, settlement: Settlement, mode: str, *, settled: bool
) -> None:
    names = {
        IntegrationStatus.ACTIVE: "activation_completed",
        IntegrationStatus.ACTIVATION_PENDING: "activation_pending",
        IntegrationStatus.ACTIVATION_FAILED: "activation_failed",
        IntegrationStatus.PENDING_CALLBACK: "activation_left_to_operator",
    }
    data: dict[str, Any] = {
        "activation_mode": mode,
        "reason": settlement.reason,
        "key_kept": settled and settlement.may_be_sent,
    }
    if settlement.retry_in_s is not None:
        data["retry_in_s"] = round(settlement.retry_in_s)
    name = names[settlement.status] if settled else "activation_abandoned"
    await _tell(connection, claim, name, data)


async def _tell(connection: Connection, claim: Claim, name: str, data: dict[str, Any]) -> None:
    await add_marketplace_event(connection, claim.company_id, claim.salon_id, name, data)
