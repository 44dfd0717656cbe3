"""This process' lease: the right to hold sessions, and the verdict on others that have lost it.

A lease row on the database's clock and not an advisory lock: a lock lives as long as its
connection, so it is lost by a restart of Postgres or a blink of the network, is kept for ever by a
process that stands still, and cannot be had through PgBouncer. One lease per process and not per
session: what it costs does not grow with the salons.

Two witnesses: the lease is renewed in Postgres, and the heart beats in Redis. A process is found
dead when both have been silent for 15 s; it has ended by itself after 12 s without either
(`Guard`). So an outage of one of them moves nothing: without Postgres nobody can take a session,
and without Redis the leases go on. On one machine a pid that is gone is proof enough.

Who lives and is not heard is told apart by the leases, too: each says whether its process reaches
Redis (`Reach`). One that does not, while another does, is cut off.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from shared.lifecycle import raise_if_cancelled
from whatsapp_service.owners import machine
from whatsapp_service.owners.guard import Guard, elapsed_s, end_at_once
from whatsapp_service.owners.hearts import Hearts
from whatsapp_service.owners.reach import Reach
from whatsapp_service.store.directory import StoreUnavailableError
from whatsapp_service.store.processes import Process, Town
from whatsapp_service.store.registry import Registry

_log = structlog.get_logger(__name__)
_silent = Gauge("lease_silent_seconds", "Since this process has renewed its lease")
_dead = Counter("processes_found_dead_total", "Processes whose sessions were freed", ["proof"])

RENEW_EVERY_S: Final = 3.0
RETRY_S: Final = 1.0
LEASE_S: Final = 15.0
STEP_DOWN_S: Final = 60.0
STEADY_S: Final = 20.0
"""We have not reached Postgres for 60 s, and another has all the while: ours is the fault."""


@dataclass(frozen=True, slots=True)
class Peers:
    """What the last look has shown. ``heirs``: others that take sessions, the least loaded first.

    ``suspects`` give no sign of life; they are not known to be dead. ``cut_off_s``: for how long
    Redis is out of our reach, though not out of an heir's; 0.0 also when it is away for everybody.
    """

    me: Process
    heirs: tuple[Process, ...]
    suspects: tuple[str, ...]
    known: frozenset[str]
    sessions: int
    free: int
    cut_off_s: float = 0.0

    @property
    def share(self) -> int:
        """Sessions that a process has when all that take any have as many."""
        takers = len(self.heirs) + (not self.me.draining)
        return -(-(self.sessions + self.free) // takers) if takers else 0


class Lease:
    """``buried`` is set when we have found a process dead: what it showed is to be put right."""

    def __init__(
        self,
        registry: Registry,
        hearts: Hearts,
        guard: Guard,
        process_id: str,
        machine_id: str,
        end: Callable[[], None] = end_at_once,
    ) -> None:
        self._registry = registry
        self._hearts = hearts
        self._guard = guard
        self.process_id = process_id
        self._machine_id = machine_id
        self._end = end
        self._renewed_at = self._steady_since = elapsed_s()
        self._waiting: list[asyncio.Future[Peers]] = []
        self._left = False
        self._reach = Reach()
        self.peers: Peers | None = None
        self.buried = asyncio.Event()
        _silent.set_function(lambda: elapsed_s() - self._renewed_at)

    async def register(self) -> None:
        """Until Postgres has it."""
        while True:
            try:
                await self._registry.register(
                    self.process_id, self._machine_id, os.getpid(), machine.born(os.getpid())
                )
            except StoreUnavailableError:
                _log.warning("lease_waits_for_postgres")
                await asyncio.sleep(RETRY_S)
            else:
                self._renewed_at = self._steady_since = elapsed_s()
                self._reach.start()
                return

    async def run(self) -> None:
        """Renew again and again, and look around; ends the process when the lease is gone."""
        while not self._left:
            raise_if_cancelled()
            try:
                await self._renew()
                await self._look_around()
            except StoreUnavailableError:
                self._steady_since = elapsed_s()
                self._step_down_if_alone()
                await asyncio.sleep(RETRY_S)
            else:
                await asyncio.sleep(RENEW_EVERY_S)

    async def look(self) -> None:
        """At once: who was there last time may have left. Raises StoreUnavailableError."""
        await self._look_around()

    async def next_look(self) -> Peers:
        """What the next look shows."""
        waiting: asyncio.Future[Peers] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        return await waiting

    @property
    def others_hear_us(self) -> bool:
        """Redis is there: what is handed over is opened at once, and not only at the next look."""
        return self._hearts.known

    def heart_has_beaten(self, sent_at_s: float) -> None:
        """In Redis; ``sent_at_s`` by `elapsed_s`."""
        self._guard.sign(sent_at_s)
        self._reach.beat(sent_at_s)

    def steady_s(self) -> float:
        """For how long the lease has been renewed without a failure."""
        late = elapsed_s() - self._renewed_at > LEASE_S
        return 0.0 if late else elapsed_s() - self._steady_since

    async def leave(self) -> None:
        """What is still ours is free at once."""
        self._left = True
        try:
            await self._registry.leave(self.process_id)
        except StoreUnavailableError:
            _log.warning("lease_not_given_up")

    async def _renew(self) -> None:
        sent_at_s = elapsed_s()
        reaches_redis = self._reach.told
        renewed = await self._registry.renew(self.process_id, reaches_redis=reaches_redis)
        if not renewed and not self._left:
            _log.error("fenced", process_id=self.process_id)
            self._end()
        self._renewed_at = sent_at_s
        self._guard.sign(sent_at_s)

    async def _look_around(self) -> None:
        town = await self._registry.look_around()
        dead = [proof for them in self._others(town) if (proof := await self._bury_if_dead(them))]
        if dead:
            self.buried.set()
            town = await self._registry.look_around()
        await self._strike_off_the_forgotten(town)
        mine = [us for us in town.processes if us.process_id == self.process_id]
        if mine:
            self._show(mine[0], town)

    async def _strike_off_the_forgotten(self, town: Town) -> None:
        """Nobody finds them dead: their lease is gone. Health would miss their answers for ever.

        One that ended between giving up its lease and its name, or that was found dead while it
        stood still and beat once more before it ended.
        """
        known = {them.process_id for them in town.processes}
        for name in self._hearts.silent_for(LEASE_S):
            if name not in known:
                await self._hearts.strike_off(name)

    def _others(self, town: Town) -> list[Process]:
        return [them for them in town.processes if them.process_id != self.process_id]

    def _show(self, me: Process, town: Town) -> None:
        others = self._others(town)
        suspects = tuple(
            them.process_id for them in others if self._hearts.suspect(them.process_id)
        )
        fit = [it for it in others if it.process_id not in suspects and not it.draining]
        reaching = [it for it in fit if it.reaches_redis is not False]
        # When Redis is away for everybody, one is as good as another.
        heirs = reaching if reaching or self._reach.told else fit
        witnessed = any(it.reaches_redis and it.silent_s < LEASE_S for it in heirs)
        self.peers = Peers(
            me=me,
            heirs=tuple(sorted(heirs, key=lambda it: it.sessions)),
            suspects=suspects,
            known=frozenset(it.process_id for it in town.processes),
            sessions=sum(it.sessions for it in town.processes),
            free=town.free,
            cut_off_s=self._reach.lost_s if witnessed else 0.0,
        )
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(self.peers)

    async def _bury_if_dead(self, them: Process) -> str | None:
        beside_us = self._machine_id and them.machine == self._machine_id
        if beside_us and machine.gone(them.pid, them.born):
            return await self._bury(them, 0.0, "pid")
        if them.silent_s > LEASE_S and self._hearts.silent_s(them.process_id) > LEASE_S:
            return await self._bury(them, LEASE_S, "silence")
        return None

    async def _bury(self, them: Process, silent_s: float, proof: str) -> str | None:
        if not await self._registry.bury(them.process_id, silent_s):
            return None
        _dead.labels(proof=proof).inc()
        _log.warning(
            "process_found_dead", dead=them.process_id, sessions=them.sessions, proof=proof
        )
        await self._hearts.strike_off(them.process_id)
        return proof

    def _step_down_if_alone(self) -> None:
        """Others reach Postgres and we do not: our salons are better off with them."""
        silent_s = elapsed_s() - self._renewed_at
        if silent_s > STEP_DOWN_S and self._hearts.steadiest_s(self.process_id) > STEADY_S:
            _log.error("cut_off_from_postgres", silent_s=round(silent_s))
            self._end()
