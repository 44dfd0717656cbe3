"""Once a day every salon is compared with what YClients says of it, by one process at a time.

Notifications are sent once and may be lost; this finds what they would have told. A repair is made
on YClients' word about that very salon, never because something is missing in a list.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final, Protocol

import structlog
from prometheus_client import Counter

from api_service.core.claims import ClaimLostError, while_held
from api_service.core.drift import Repair, There, repair_of, said
from api_service.core.freezing import AskConnection
from api_service.store.lifecycle import lock_salon
from api_service.store.marketplace_events import add_marketplace_event
from api_service.store.reconciliation import (
    CLAIM_S,
    Compared,
    Run,
    activate_now,
    any_live_of,
    claim_run,
    end_run,
    ended_salons_of,
    note_checked,
    renew_run,
    salons_to_check,
)
from api_service.store.webhooks import add_job
from api_service.yclients.errors import YclientsError
from api_service.yclients.models import ConnectedSalon, SalonConnection
from shared.db import Connection, DatabaseError, Pool, in_transaction
from shared.lifecycle import raise_if_cancelled
from shared.observability import capture, warn

_log = structlog.get_logger(__name__)
_checked = Counter("reconciled_salons_total", "Salons compared with YClients", ["outcome"])

LOOK_EVERY_S: Final = 60.0
DAILY_S: Final = 86_400.0
AFTER_INTERRUPTION_S: Final = 900.0
RENEW_EVERY_S: Final = CLAIM_S / 3
BATCH: Final = 50
PAGE: Final = 1000
PAGES: Final = 1000
UNCLEAR_IN_A_ROW: Final = 5
"""Then YClients is not well: the run goes on later, where it was."""
UNINSTALLS_A_RUN: Final = 20
"""Or a twentieth of the salons: if more seem to have gone at once, somebody has to look first."""
_KNOWN: Final = frozenset({There.ACTIVE, There.FREEZED, There.PENDING})
PAUSE_S: Final = 5.0
"""After a salon of which YClients did not say how it stands."""


class ReconciledMarketplace(AskConnection, Protocol):
    async def connected_salons(
        self, page: int, count: int, *, background: bool = True
    ) -> list[ConnectedSalon]: ...


class _InterruptedError(Exception):
    """YClients does not answer; nothing is known."""


class Reconciliation:
    """``on_job`` is called when the queue has something to do."""

    def __init__(
        self,
        database: Pool,
        marketplace: ReconciledMarketplace,
        on_job: Callable[[], None],
        pause_s: float = PAUSE_S,
    ) -> None:
        self._database = database
        self._marketplace = marketplace
        self._on_job = on_job
        self._pause_s = pause_s

    async def run(self) -> None:
        while True:
            await self.look()
            raise_if_cancelled()
            await asyncio.sleep(LOOK_EVERY_S * random.uniform(0.75, 1.25))  # noqa: S311 - jitter

    async def look(self) -> None:
        """Make a run if one is due. Its trouble is logged, and its claim ends by itself."""
        try:
            async with self._database.connection() as connection:
                run = await claim_run(connection)
            if run is not None:
                await while_held(lambda: self._renew(run), RENEW_EVERY_S, self._make(run))
        except ClaimLostError:
            _log.warning("reconciliation_claim_lost")
        except (DatabaseError, TimeoutError) as error:
            _log.warning("reconciliation_interrupted", error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - tomorrow is another day
            _log.exception("reconciliation_crashed")
            capture(error, operation="reconciliation")

    async def _renew(self, run: Run) -> bool:
        async with self._database.connection() as connection:
            return await renew_run(connection, run)

    async def _make(self, run: Run) -> None:
        _log.info("reconciliation_started", checked_up_to=run.checked_up_to)
        walk = _Walk(self._database, self._marketplace, run, self._pause_s)
        finished = True
        try:
            await walk.go()
        except _InterruptedError:
            finished = False
        again_in_s = DAILY_S if finished else AFTER_INTERRUPTION_S
        async with self._database.connection() as connection:
            await end_run(
                connection,
                run,
                again_in_s * random.uniform(0.9, 1.0),  # noqa: S311 - jitter
                finished=finished,
            )
        _log.info("reconciliation_ended", finished=finished, **walk.counts)
        self._on_job()


class _Walk:
    """One run, or the rest of one."""

    def __init__(
        self, database: Pool, marketplace: ReconciledMarketplace, run: Run, pause_s: float
    ) -> None:
        self._pause_s = pause_s
        self._database = database
        self._marketplace = marketplace
        self._run = run
        self._listed: frozenset[int] | None = None
        self._unclear_in_a_row = 0
        self._knows_us = False
        self.counts = {"checked": 0, "repaired": 0, "unclear": 0, "uninstalls": 0}

    async def go(self) -> None:
        """Raises _InterruptedError, ClaimLostError and what the database raises."""
        self._listed = await self._list()
        after = self._run.checked_up_to
        while batch := await self._batch(after):
            for salon in batch:
                raise_if_cancelled()
                await self._check(salon)
                after = salon.salon_id

    async def _asked(self, salon: Compared) -> There:
        """An answer that nobody has thought of concerns one salon, not all that come after it."""
        try:
            return said(await self._ask(salon))
        except (DatabaseError, _InterruptedError):
            raise
        except Exception as error:  # noqa: BLE001 - one salon is a failure domain
            _log.exception("salon_not_compared", salon_id=salon.salon_id)
            capture(error, operation="reconciliation", salon_id=str(salon.salon_id))
            return There.UNCLEAR

    async def _batch(self, after: int) -> list[Compared]:
        async with self._database.connection() as connection:
            return await salons_to_check(connection, after, BATCH)

    async def _list(self) -> frozenset[int] | None:
        """The salons that YClients counts as connected; None when it does not tell all of them."""
        listed: set[int] = set()
        for page in range(1, PAGES + 1):
            try:
                salons = await self._marketplace.connected_salons(page, PAGE)
            except YclientsError as error:
                _log.warning("reconciliation_without_list", reason=error.reason)
                return None
            before = len(listed)
            listed.update(salon.id for salon in salons)
            if len(salons) < PAGE or len(listed) == before:
                break
        await self._tell_forgotten(listed)
        return frozenset(listed)

    async def _tell_forgotten(self, listed: set[int]) -> None:
        """Connected there, uninstalled here: only its owner can mend it, by connecting again.

        And learn whether the list knows any salon of ours.
        """
        async with self._database.connection() as connection:
            ended = await ended_salons_of(connection, listed)
            self._knows_us = await any_live_of(connection, listed)
        for salon_id in ended:
            _log.warning("salon_connected_only_in_yclients", salon_id=salon_id)

    async def _check(self, salon: Compared) -> None:
        there = await self._asked(salon)
        self._knows_us = self._knows_us or there in _KNOWN
        repair = repair_of(salon.status, there)
        if repair is Repair.UNINSTALL and not self._may_uninstall(salon):
            repair, there = None, There.UNCLEAR
        repaired = repair is not None and await self._repair(salon, there, repair)
        unclear = there is There.UNCLEAR
        self.counts["checked"] += 1
        self.counts["repaired"] += repaired
        self.counts["unclear"] += unclear
        outcome = repair.value if repaired and repair else ("unclear" if unclear else "right")
        _checked.labels(outcome=outcome).inc()
        async with self._database.connection() as connection:
            if not await note_checked(
                connection, self._run, salon.salon_id, repaired=repaired, unclear=unclear
            ):
                raise ClaimLostError

    async def _ask(self, salon: Compared) -> SalonConnection | YclientsError:
        try:
            answer = await self._marketplace.connection(salon.salon_id, background=True)
        except YclientsError as error:
            if said(error) is There.GONE:
                self._unclear_in_a_row = 0
                return error
            self._unclear_in_a_row += 1
            _log.info("salon_not_compared", salon_id=salon.salon_id, reason=error.reason)
            if self._unclear_in_a_row >= UNCLEAR_IN_A_ROW:
                raise _InterruptedError from None
            await asyncio.sleep(self._pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            return error
        self._unclear_in_a_row = 0
        return answer

    def _may_uninstall(self, salon: Compared) -> bool:
        """Not against YClients' own list, not very many at once, and not for a wrong question.

        For another application's id, or at an address that is not YClients', every salon is gone.
        """
        if not self._knows_us:
            _log.warning("salon_gone_like_all_others", salon_id=salon.salon_id)
            return False
        if self._listed is not None and salon.salon_id in self._listed:
            _log.warning("salon_gone_but_listed", salon_id=salon.salon_id)
            return False
        self.counts["uninstalls"] += 1
        done = self._run.checked + self.counts["checked"]
        if self.counts["uninstalls"] <= max(UNINSTALLS_A_RUN, done // 20):
            return True
        _log.error("too_many_salons_gone", salon_id=salon.salon_id)
        warn("too many salons seem to have gone", operation="reconciliation")
        return False

    async def _repair(self, salon: Compared, there: There, repair: Repair) -> bool:
        """False when the salon has changed since it was read: then that counts."""

        async def work(connection: Connection) -> bool:
            state = await lock_salon(connection, salon.salon_id)
            if state is None or (state.status, state.installation) != (
                salon.status,
                salon.installation,
            ):
                return False
            if not await _order(connection, salon, repair):
                return False
            data = {"here": salon.status.value, "there": there.value, "repair": repair.value}
            await add_marketplace_event(
                connection, state.company_id, salon.salon_id, "drift_found", data
            )
            _log.warning("drift_found", salon_id=salon.salon_id, **data)
            return True

        return await in_transaction(self._database, work)


async def _order(connection: Connection, salon: Compared, repair: Repair) -> bool:
    """False when it is under way already."""
    if repair is Repair.ACTIVATE:
        return await activate_now(connection, salon.salon_id)
    job = await add_job(connection, salon.salon_id, repair.value, "reconciliation")
    return job is not None
