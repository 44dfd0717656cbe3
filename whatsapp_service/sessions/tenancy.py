"""Which sessions this process takes, keeps and hands over, look by look."""

import asyncio
import random
from typing import Final

import structlog

from shared.lifecycle import raise_if_cancelled
from whatsapp_service.owners.lease import Lease, Peers
from whatsapp_service.sessions.cut_off import CutOff
from whatsapp_service.sessions.handover import Handover
from whatsapp_service.sessions.orphans import Orphans
from whatsapp_service.sessions.supervisor import Supervisor
from whatsapp_service.store.directory import StoreUnavailableError
from whatsapp_service.store.registry import Registry
from whatsapp_service.store.sessions import Tenure

_log = structlog.get_logger(__name__)

SETTLE_S: Final = 15.0
"""How long a session may hold a place among those that are being opened."""
JITTER_S: Final = 0.05
BATCH: Final = 10
"""Sessions taken at a time: few, so that processes that start together share them."""
UNEVEN_RATIO: Final = 1.2
UNEVEN_BY: Final = 5
"""Beyond its share by so much, a process hands over one session a look."""


class Tenancy:
    def __init__(
        self,
        lease: Lease,
        registry: Registry,
        supervisor: Supervisor,
        handover: Handover,
        orphans: Orphans,
        restore_concurrency: int,
    ) -> None:
        self._lease = lease
        self._registry = registry
        self._supervisor = supervisor
        self._handover = handover
        self._orphans = orphans
        self._slots = asyncio.Semaphore(restore_concurrency)
        self._restoring = supervisor.restoring
        self._cut_off = CutOff()
        self._leaving = False

    async def run(self) -> None:
        """At the start whatever a life before left is put right, as after any other death."""
        self._lease.buried.set()
        async with asyncio.TaskGroup() as opening:
            while True:
                raise_if_cancelled()
                peers = await self._lease.next_look()
                try:
                    await self._act(peers, opening)
                except StoreUnavailableError:
                    _log.warning("sessions_not_looked_after")

    async def leave(self, timeout_s: float) -> None:
        """Before the end: hand everything over, if there is anybody to take it; take no more."""
        self._leaving = True
        try:
            async with asyncio.timeout(timeout_s):
                await self._registry.set_draining(self._lease.process_id)
                await self._lease.look()
                await self._handover.all()
        except StoreUnavailableError:
            _log.warning("leaving_without_postgres")
        except TimeoutError:
            _log.warning("hand_over_cut_short", left=len(self._supervisor))

    async def _act(self, peers: Peers, opening: asyncio.TaskGroup) -> None:
        if self._leaving:
            return
        await self._reconcile(peers)
        if peers.me.draining or self._cut_off.must_hand_over(peers):
            await self._handover.all()
        elif peers.free and not peers.cut_off_s:
            await self._take(peers, opening)
        elif self._lease.others_hear_us and self._uneven(peers):
            await self._hand_over_one()
        await self._orphans.look_after(peers)

    async def _reconcile(self, peers: Peers) -> None:
        """Rows that are ours and sessions that are here must be the same."""
        here = {session.tenure for session in self._supervisor}
        epochs = sum(tenure.epoch for tenure in here)
        if (len(here), epochs) == (peers.me.sessions, peers.me.epochs):
            return
        owned = await self._registry.owned(self._lease.process_id)
        self._supervisor.keep_only(set(owned), here)
        for tenure in owned:
            self._supervisor.open(tenure)

    async def _take(self, peers: Peers, opening: asyncio.TaskGroup) -> None:
        """Our share of what is free, as fast as we can open it: others do the same."""
        wanted = min(peers.free, peers.share - len(self._supervisor))
        if wanted <= 0:
            return
        self._restoring.expect(wanted)
        try:
            while wanted and (claimed := await self._claim(min(wanted, BATCH))):
                for tenure in claimed:
                    if await self._slot():
                        wanted -= 1
                        opening.create_task(self._settle(tenure), name=f"open {tenure.session_id}")
                    else:
                        await self._registry.release(tenure)
        finally:
            self._restoring.expect_fewer(wanted)

    async def _claim(self, limit: int) -> list[Tenure]:
        return [] if self._leaving else await self._registry.claim(self._lease.process_id, limit)

    async def _slot(self) -> bool:
        """A place among those that are being opened; False when none is opened any more."""
        await self._slots.acquire()
        if self._leaving:
            self._slots.release()
        return not self._leaving

    async def _settle(self, tenure: Tenure) -> None:
        connected = False
        try:
            await asyncio.sleep(random.uniform(0, JITTER_S))  # noqa: S311 - jitter
            session = self._supervisor.open(tenure)
            await session.first_outcome(SETTLE_S)
            connected = session.connected
        finally:
            self._restoring.count(connected=connected)
            self._slots.release()

    def _uneven(self, peers: Peers) -> bool:
        share = peers.share
        return len(self._supervisor) > max(share * UNEVEN_RATIO, share + UNEVEN_BY)

    async def _hand_over_one(self) -> None:
        for session in self._supervisor:
            if session.connected and session.movable:
                await self._handover.one(session)
                return
