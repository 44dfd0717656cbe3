"""Every activation that is due is carried out by some API process, page open or not."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from api_service.core.activation import Activation
from api_service.core.claims import ClaimLostError, Hold, while_held
from api_service.store.activations import (
    CLAIM_S,
    Claim,
    FreshSecrets,
    IntegrationStatus,
    Settlement,
    due_activations,
)
from api_service.store.ledgers import Ledger
from shared.company_id import SalonId
from shared.db import DatabaseError, Pool, may_pass
from shared.errors import AppError
from shared.lifecycle import raise_if_cancelled
from shared.observability import capture, warn

_log = structlog.get_logger(__name__)
_settled = Counter(
    "activations_total", "Attempts to activate a salon, by how they ended", ["mode", "outcome"]
)
_at_work = Gauge("activations_at_work", "Attempts that this process is making")

LOOK_EVERY_S: Final = 2.0
LOOK_TIMEOUT_S: Final = 8.0
BATCH: Final = 20
AT_ONCE: Final = 40
ATTEMPT_S: Final = 240.0
"""Two calls of 30 s, each after a question of 30 s, and one that lasts as long as the last; more
than that is given up, and cleared up by the next attempt."""

RENEW_EVERY_S: Final = CLAIM_S / 3
INTERRUPTIONS: Final = 2
"""So many attempts in a row may end without a word, and the next is made at once: processes are
killed, and Postgres goes away. After more of them it is the attempt that ends its process."""

Announce = Callable[[SalonId, IntegrationStatus], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rollout:
    """Which salons are activated by which ledger."""

    step_machine: Ledger
    simple: Ledger
    percent: int
    """Of salons, by their id, for which the step machine works; 0 when it is switched off."""

    def ledger_of(self, salon_id: SalonId) -> Ledger:
        return self.step_machine if salon_id % 100 < self.percent else self.simple


class Activations:
    """``skip_callback``: YClients is not called; an operator sends what is logged."""

    def __init__(
        self,
        database: Pool,
        rollout: Rollout,
        of_ledger: Callable[[Ledger], Activation],
        fresh: Callable[[], FreshSecrets],
        announce: Announce,
        *,
        skip_callback: bool,
    ) -> None:
        self._database = database
        self._rollout = rollout
        self._of_ledger = of_ledger
        self._fresh = fresh
        self._announce = announce
        self._skip_callback = skip_callback
        self._attempts: dict[SalonId, asyncio.Task[Settlement | None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._awake = asyncio.Event()

    @property
    def at_work(self) -> int:
        return len(self._attempts)

    def wake(self) -> None:
        """Something is due now."""
        self._awake.set()

    def attempt(self, salon_id: SalonId) -> asyncio.Task[Settlement | None]:
        """An attempt of this process, the one that is under way if there is one.

        Its result: how it ended, None when another process has it in hand, or nothing is due.
        Whoever waits for it may leave: it goes on.
        """
        task = self._attempts.get(salon_id)
        if task is None:
            task = asyncio.create_task(self._attempt(salon_id), name=f"activation {salon_id}")
            self._attempts[salon_id] = task
            task.add_done_callback(lambda _: self._attempts.pop(salon_id, None))
        return task

    async def tell(self, salon_id: SalonId, status: IntegrationStatus) -> None:
        """To pages that have just seen their salon linked, what is settled already."""
        await self._announce(salon_id, status)

    async def run(self) -> None:
        """Look for what is due, again and again; ends with everything that is under way."""
        try:
            while True:
                raise_if_cancelled()
                await self._start_due()
                with contextlib.suppress(TimeoutError):
                    pause_s = LOOK_EVERY_S * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
                    await asyncio.wait_for(self._awake.wait(), pause_s)
                self._awake.clear()
        finally:
            await self._stop()

    async def _start_due(self) -> None:
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S), self._database.connection() as connection:
                due = await due_activations(connection, BATCH)
        except (DatabaseError, TimeoutError) as error:
            _log.warning("activations_not_read", error=type(error).__name__)
            return
        for salon_id in due:
            self.attempt(salon_id)

    async def _attempt(self, salon_id: SalonId) -> Settlement | None:
        """The border of an attempt. What ends it without a word is counted by the next claim."""
        ledger = self._rollout.ledger_of(salon_id)
        try:
            async with self._slots, asyncio.timeout(ATTEMPT_S):
                with _at_work.track_inprogress():
                    return await self._with_ledger(salon_id, ledger)
        except ClaimLostError:
            _log.warning("activation_claim_lost", salon_id=salon_id)
        except AppError as error:
            _log.error("activation_impossible", salon_id=salon_id, code=error.code)
        except (DatabaseError, TimeoutError) as error:
            _log.warning("activation_interrupted", salon_id=salon_id, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - one salon's activation is a failure domain
            _log.exception("activation_crashed", salon_id=salon_id)
            capture(error, operation="activation", salon_id=str(salon_id))
        return None

    async def _with_ledger(self, salon_id: SalonId, ledger: Ledger) -> Settlement | None:
        hold = Hold(CLAIM_S)
        claim = await ledger.claim(salon_id, self._fresh())
        if claim is None:
            return None
        settlement = await self._settled(claim, ledger, hold)
        _note(salon_id, ledger, settlement)
        await self._announce(salon_id, settlement.status)
        return settlement

    async def _settled(self, claim: Claim, ledger: Ledger, hold: Hold) -> Settlement:
        """A fault of ours is a failure like others: it is counted, told, and tried again later."""
        activation = self._of_ledger(ledger)
        if _never_ends(claim):
            _note_interrupted(claim)
            return await activation.put_off(claim, "interrupted")
        await self._announce(claim.salon_id, IntegrationStatus.ACTIVATING)
        raise_if_cancelled()
        work = (
            activation.leave_to_operator(claim)
            if self._skip_callback
            else activation.carry_out(claim, hold.lasts)
        )
        renew = hold.renewing(lambda: ledger.renew(claim))
        try:
            return await while_held(renew, RENEW_EVERY_S, work)
        except ClaimLostError:
            raise
        except Exception as error:
            if may_pass(error):
                raise
            _log.exception("activation_crashed", salon_id=claim.salon_id)
            capture(error, operation="activation", salon_id=str(claim.salon_id))
            return await activation.put_off(claim, "crashed")

    async def _stop(self) -> None:
        """What is cut off here is taken over when its claim ends."""
        attempts = list(self._attempts.values())
        for task in attempts:
            task.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)


def _never_ends(claim: Claim) -> bool:
    """The attempts before this one have ended without a word, and the last did just now."""
    was_left = claim.status_before is IntegrationStatus.ACTIVATING
    return was_left and claim.interrupted > INTERRUPTIONS


def _note_interrupted(claim: Claim) -> None:
    _log.error("activation_never_ends", salon_id=claim.salon_id, interrupted=claim.interrupted)
    warn(
        "activation is interrupted again and again",
        operation="activation",
        salon_id=str(claim.salon_id),
    )


def _note(salon_id: SalonId, ledger: Ledger, settlement: Settlement) -> None:
    outcome = settlement.reason or settlement.status.value
    _settled.labels(mode=ledger.mode, outcome=outcome).inc()
    log = _log.error if settlement.status is IntegrationStatus.ACTIVATION_FAILED else _log.info
    log(
        "activation_settled",
        salon_id=salon_id,
        mode=ledger.mode,
        status=settlement.status.value,
        reason=settlement.reason,
        retry_in_s=settlement.retry_in_s and round(settlement.retry_in_s),
    )
