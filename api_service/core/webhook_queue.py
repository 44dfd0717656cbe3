"""Carries out the lifecycle notifications that wait in Postgres, whichever process took them in."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from prometheus_client import Counter, Gauge, Histogram

from api_service.core.claims import ClaimLostError, while_held
from api_service.core.notifications import UNINSTALL
from api_service.core.webhook_job import Outcome, Retry, WebhookJob
from api_service.store.webhook_marks import WebhookMarks
from api_service.store.webhooks import (
    CLAIM_S,
    FIRST_RETRY_S,
    LONGEST_RETRY_S,
    ClaimTakenError,
    Job,
    claim_webhook,
    end_old_claims,
    hurry_webhooks,
    postpone_webhook,
    renew_claim,
)
from shared.bus.connection import BusError
from shared.db import DatabaseError, Pool
from shared.errors import AppError, ErrorCode
from shared.lifecycle import raise_if_cancelled
from shared.observability import capture, warn

_log = structlog.get_logger(__name__)
_done = Counter(
    "webhooks_done_total", "Attempts at notifications, by outcome", ["event", "outcome"]
)
_at_work = Gauge("webhooks_at_work", "Notifications that this process is carrying out")
_seconds = Histogram(
    "webhook_seconds",
    "Time that one attempt took",
    ["event"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 60),
)

LOOK_EVERY_S: Final = 2.0
LOOK_TIMEOUT_S: Final = 8.0
AT_ONCE: Final = 8
"""Fewer than there are connections to Postgres: taking in comes first."""
RUSH_S: Final = 0.2
"""When one has come, another one may come so soon after it, and wants its answer…"""
BREATH_S: Final = 0.05
"""…so that jobs begin no faster than this."""
JOB_S: Final = 75.0
"""A question to YClients, an unlinking and a thaw, one after the other."""
RENEW_EVERY_S: Final = CLAIM_S / 3
MAX_ATTEMPTS: Final = 12
"""About two hours. Then it waits for an operator, unless it must come true (`_may_be_given_up`)."""
SESSION_AWAY: Final = ErrorCode.SERVICE_UNAVAILABLE.value
"""No WhatsApp process answers: what has waited for one is done as soon as one is back."""

Handler = Callable[[WebhookJob], Awaitable[Outcome]]


class WebhookQueue:
    """``handlers``: by type of event."""

    def __init__(
        self, database: Pool, marks: WebhookMarks, handlers: Mapping[str, Handler]
    ) -> None:
        self._database = database
        self._marks = marks
        self._handlers = handlers
        self._jobs: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._awake = asyncio.Event()
        self._take_over_at = 0.0
        self._came_at = float("-inf")

    @property
    def at_work(self) -> int:
        return len(self._jobs)

    def wake(self) -> None:
        """Something is due now: a notification has come, as a rule."""
        self._came_at = asyncio.get_running_loop().time()
        self._awake.set()

    async def sessions_are_back(self) -> None:
        """What waits for a WhatsApp process is due now. Of no consequence when it fails."""
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S), self._database.connection() as connection:
                number = await hurry_webhooks(connection, SESSION_AWAY)
        except (DatabaseError, TimeoutError) as error:
            _log.warning("webhooks_not_hurried", error=type(error).__name__)
            return
        _log.info("webhooks_hurried", number=number)
        self.wake()

    async def run(self) -> None:
        """Look for what is due, again and again; ends with everything that is under way."""
        try:
            while True:
                raise_if_cancelled()
                self._awake.clear()
                await self._give_way()
                await self._start_due()
                with contextlib.suppress(TimeoutError):
                    pause_s = LOOK_EVERY_S * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
                    await asyncio.wait_for(self._awake.wait(), pause_s)
        finally:
            await self._stop()

    async def _start_due(self) -> None:
        try:
            await self._take_over()
            while await self._start_next():
                await self._give_way()
        except (DatabaseError, TimeoutError) as error:
            _log.warning("webhooks_not_read", error=type(error).__name__)

    async def _give_way(self) -> None:
        """One event loop does both: while notifications come, jobs begin one after the other."""
        if asyncio.get_running_loop().time() - self._came_at < RUSH_S:
            await asyncio.sleep(BREATH_S)

    async def _take_over(self) -> None:
        """What killed processes have left; not at each of many wakings."""
        now = asyncio.get_running_loop().time()
        if now < self._take_over_at:
            return
        self._take_over_at = now + LOOK_EVERY_S
        async with asyncio.timeout(LOOK_TIMEOUT_S), self._database.connection() as connection:
            if left := await end_old_claims(connection):
                _log.warning("webhooks_taken_over", number=left)

    async def _start_next(self) -> bool:
        """False when nothing is due."""
        await self._slots.acquire()
        job = None
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S), self._database.connection() as connection:
                job = await claim_webhook(connection)
        except ClaimTakenError:
            return True
        finally:
            if job is None:
                self._slots.release()
        if job is None:
            return False
        task = asyncio.create_task(self._attempt(job), name=f"webhook {job.webhook_id}")
        self._jobs.add(task)
        task.add_done_callback(self._ended)
        return True

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The salon's next notification may be due now."""
        self._jobs.discard(task)
        self._slots.release()
        self._awake.set()

    async def _attempt(self, job: Job) -> None:
        """The border of a notification: its trouble is logged, and it is tried again."""
        with _at_work.track_inprogress(), _seconds.labels(event=job.event_type).time():
            try:
                async with asyncio.timeout(JOB_S):
                    outcome = await while_held(
                        lambda: self._renew(job), RENEW_EVERY_S, self._carry_out(job)
                    )
                    _note(job, outcome.reason or "done")
            except ClaimLostError:
                _log.warning("webhook_claim_lost", webhook_id=job.webhook_id)
            except (Retry, AppError, BusError, DatabaseError, OSError, TimeoutError) as error:
                await self._postpone(job, _reason_of(error))
            except Exception as error:  # noqa: BLE001 - one notification is a failure domain
                _log.exception("webhook_crashed", webhook_id=job.webhook_id)
                capture(error, operation=f"webhook {job.event_type}", salon_id=str(job.salon_id))
                await self._postpone(job, type(error).__name__)

    async def _carry_out(self, job: Job) -> Outcome:
        work = WebhookJob(self._database, job)
        handler = self._handlers.get(job.event_type)
        outcome = await handler(work) if handler else Outcome("unknown_event")
        await work.end(outcome)
        return outcome

    async def _renew(self, job: Job) -> bool:
        async with self._database.connection() as connection:
            return await renew_claim(connection, job)

    async def _postpone(self, job: Job, reason: str) -> None:
        """When this cannot be written either, the claim's end has the same effect.

        The mark goes first: it would hide the same notification sent anew.
        """
        final = job.attempts >= MAX_ATTEMPTS and _may_be_given_up(job)
        try:
            if final:
                await self._marks.forget(job.idempotency_key)
            async with asyncio.timeout(LOOK_TIMEOUT_S), self._database.connection() as connection:
                retry_in_s = None if final else _retry_in_s(job.attempts)
                await postpone_webhook(connection, job, reason, retry_in_s)
        except (DatabaseError, BusError, OSError, TimeoutError) as error:
            _log.warning("webhook_not_postponed", error=type(error).__name__)
        _note_failure(job, reason, final=final)

    async def _stop(self) -> None:
        """What is cut off here is taken over when its claim ends."""
        for task in self._jobs:
            task.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)


def _may_be_given_up(job: Job) -> bool:
    """Not an uninstall, nor what was begun: the salon's row says what its session does not know."""
    return job.event_type != UNINSTALL and job.step is None


def _retry_in_s(attempts: int) -> float:
    pause_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** (attempts - 1))
    return pause_s * random.uniform(0.9, 1.1)  # noqa: S311 - jitter


def _reason_of(error: Exception) -> str:
    match error:
        case Retry():
            return error.reason
        case AppError():
            return error.code.value
        case _:
            return type(error).__name__


def _note(job: Job, outcome: str) -> None:
    _done.labels(event=job.event_type, outcome=outcome).inc()
    _log.info(
        "webhook_done",
        webhook_id=job.webhook_id,
        salon_id=job.salon_id,
        event_type=job.event_type,
        outcome=outcome,
    )


def _note_failure(job: Job, reason: str, *, final: bool) -> None:
    """Loud when somebody has to look: given up, or an uninstall that does not come true."""
    loud = final or job.attempts >= MAX_ATTEMPTS
    _done.labels(event=job.event_type, outcome="failed" if final else "postponed").inc()
    log = _log.error if loud else _log.warning
    log(
        "webhook_failed" if final else "webhook_postponed",
        webhook_id=job.webhook_id,
        salon_id=job.salon_id,
        event_type=job.event_type,
        attempts=job.attempts,
        reason=reason,
    )
    if loud:
        warn(
            f"notification not carried out: {reason}",
            operation=f"webhook {job.event_type}",
            salon_id=str(job.salon_id),
        )
