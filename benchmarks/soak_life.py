"""A day of salons' lives, without the hours in which nothing happens."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import httpx2

from sandbox.whatsapp_network.control_client import ControlError
from sandbox.whatsapp_network.faults import FaultKind
from shared.bus.connection import BusError
from shared.errors import AppError
from shared.messages.events import Connected, PairingCode, Qr
from shared.messages.status import SessionStatus
from tests.support.fleet import Fleet
from tests.support.fleet_ground import FIRST_SALON
from tests.support.linked_devices import LinkedSalon, make_salon
from tests.support.waiting import wait_until

STEP_S: Final = 20.0
FRUITLESS_S: Final = 120.0
"""So long something may be tried again before it counts as broken."""
BREATH_S: Final = 0.3
BAN_S: Final = 5
SHOPPERS: Final = 4
SERVER_BUSY: Final = 0.2
EVEN: Final = 0.5
OUTAGE_S: Final = 3.0
STUMBLE_S: Final = 2.0
CHURNED: Final = ("b", "c")
"""Processes that are restarted and killed; `a` ends by itself alone, when it retires."""

Mischief = Callable[[], Awaitable[None]]

_TROUBLE: Final = (TimeoutError, ControlError, BusError, AppError, httpx2.HTTPError)


@dataclass
class Life:
    """Salons by what becomes of them; each is in one hand at a time. ``deeds`` counts."""

    fleet: Fleet
    chance: random.Random
    deeds: Counter[str] = field(default_factory=Counter)
    round: int = 0
    until: float = 0.0

    def __post_init__(self) -> None:
        salons = list(self.fleet.ground.salons)
        part = len(salons) // 6
        self._leaving, self._freezing = salons[:part], salons[part : 2 * part]
        self._steady = salons[2 * part :]
        first = FIRST_SALON + 100_000
        self._shoppers = [make_salon(first + number) for number in range(SHOPPERS)]

    async def live(self, duration_s: float) -> None:
        """One round: everything at once, until its end; then each salon is linked and thawed."""
        self.round += 1
        self.until = time.monotonic() + duration_s
        works: list[Mischief] = [
            self._drop_some,
            self._ban_one,
            self._freeze_and_thaw,
            self._restart_processes,
            *(self._turn_over(salon) for salon in self._leaving),
            *(self._look_and_leave(shopper) for shopper in self._shoppers),
        ]
        if self.round % 4 == 0:
            works.append(self._lose_redis if self.round % 8 else self._lose_postgres)
        async with asyncio.TaskGroup() as tasks:
            for work in works:
                tasks.create_task(_run(work))

    @property
    def _goes_on(self) -> bool:
        return time.monotonic() < self.until

    def _happens(self, share: float) -> bool:
        return self.chance.random() < share

    async def _drop_some(self) -> None:
        """Sockets that are lost, servers that are busy."""
        while self._goes_on:
            salon = self.chance.choice(self._steady)
            with suppress(*_TROUBLE):
                if self._happens(SERVER_BUSY):
                    await self.fleet.phones.add_fault(
                        FaultKind.REFUSED, number=salon.phone, reason=503, times=1
                    )
                self.deeds["connections dropped"] += await self.fleet.phones.drop(salon.phone)
            await asyncio.sleep(self.chance.uniform(0, 2 * BREATH_S))

    async def _ban_one(self) -> None:
        salon = self.chance.choice(self._steady)
        with suppress(*_TROUBLE):
            await self.fleet.phones.add_fault(
                FaultKind.BANNED, number=salon.phone, expire_s=BAN_S, times=1
            )
            await self.fleet.phones.drop(salon.phone)
            self.deeds["bans"] += 1

    async def _freeze_and_thaw(self) -> None:
        while self._goes_on:
            for salon in self._freezing:
                await self._until(salon, SessionStatus.FROZEN, self.fleet.bus.freeze)
                self.deeds["freezes"] += 1
            for salon in self._freezing:
                await self._until(salon, SessionStatus.CONNECTED, self.fleet.bus.thaw)
                self.deeds["thaws"] += 1
            await asyncio.sleep(BREATH_S)

    async def _until(
        self,
        salon: LinkedSalon,
        wanted: SessionStatus,
        ask: Callable[..., Awaitable[str]],
    ) -> None:
        """Ask as often as it takes: a process may be killed meanwhile."""

        async def step() -> bool:
            await ask(salon.session_id)
            await self._shows(salon, wanted)
            return True

        await self._insist(step, f"{salon.session_id} is {wanted}")

    def _turn_over(self, salon: LinkedSalon) -> Mischief:
        """Unlinked by the owner or on the phone, and linked again by QR or by code."""

        async def turn_over() -> None:
            while self._goes_on:
                await self._insist(lambda: self._unlinked(salon), f"{salon.session_id} is unlinked")
                self.deeds["unlinks"] += 1
                await self._insist(lambda: self._linked(salon), f"{salon.session_id} is linked")
                self.deeds["links"] += 1

        return turn_over

    async def _unlinked(self, salon: LinkedSalon) -> bool:
        devices = (await self.fleet.phones.phone(salon.phone)).devices
        if self._happens(EVEN):
            for device in devices:
                await self.fleet.phones.unlink(salon.phone, device.device)
        else:
            await self.fleet.bus.unlink(salon.session_id)

        async def gone() -> bool:
            devices = (await self.fleet.phones.phone(salon.phone)).devices
            shown = (await self.fleet.bus.present_state(salon.session_id)).snapshot
            return not devices and shown is not None and not shown.connected

        return await wait_until(gone, STEP_S, "unlinked")

    async def _linked(self, salon: LinkedSalon) -> bool:
        if await self._is(salon, SessionStatus.CONNECTED):
            return True
        bus, phones = self.fleet.bus, self.fleet.phones
        after = len(bus.events)
        if self._happens(EVEN):
            await bus.request_qr(salon.session_id)
            qr = await bus.event(Qr, salon.session_id, after=after)
            await phones.scan(salon.phone, qr.qr)
        else:
            await bus.request_code(salon.session_id, salon.phone)
            code = await bus.event(PairingCode, salon.session_id, after=after)
            await phones.type_code(salon.phone, code.code)
        await bus.event(Connected, salon.session_id, after=after)
        return True

    def _look_and_leave(self, shopper: LinkedSalon) -> Mischief:
        """An owner who asks for a QR or a code and goes: it expires, or its connection is lost."""

        async def look_and_leave() -> None:
            with suppress(*_TROUBLE):
                await self.fleet.phones.create_phone(shopper.phone)
            while self._goes_on:
                after = len(self.fleet.bus.events)
                with suppress(*_TROUBLE):
                    if self._happens(EVEN):
                        await self.fleet.bus.request_qr(shopper.session_id)
                        await self.fleet.bus.event(Qr, shopper.session_id, after=after)
                        self.deeds["QRs left"] += 1
                    else:
                        await self.fleet.bus.request_code(shopper.session_id, shopper.phone)
                        await self.fleet.bus.event(PairingCode, shopper.session_id, after=after)
                        self.deeds["codes left"] += 1
                await asyncio.sleep(self.chance.uniform(BREATH_S, 10 * BREATH_S))

        return look_and_leave

    async def _restart_processes(self) -> None:
        """One is deployed anew, one is killed, one stands still for a moment; in turn."""
        ways = (self._deploy, self._kill, self._stumble)
        turn = self.round
        while self._goes_on:
            name = CHURNED[turn % len(CHURNED)]
            await ways[turn % len(ways)](name)
            turn += 1
            await asyncio.sleep(10 * BREATH_S)

    async def _deploy(self, name: str) -> None:
        member = self.fleet.members[name]
        # It may be between two lives, if it has retired.
        await wait_until(lambda: self.fleet.health(member), STEP_S, f"{name} is there")
        await self.fleet.terminate(name)
        await self.fleet.start(name)
        self.deeds["deploys"] += 1

    async def _kill(self, name: str) -> None:
        self.fleet.kill(name)
        await self.fleet.start(name)
        self.deeds["kills"] += 1

    async def _stumble(self, name: str) -> None:
        """Shorter than any lease."""
        self.fleet.members[name].pause()
        await asyncio.sleep(STUMBLE_S)
        self.fleet.members[name].resume()
        self.deeds["stumbles"] += 1

    async def _lose_redis(self) -> None:
        ground = self.fleet.ground
        await asyncio.to_thread(ground.redis.stop)
        await asyncio.sleep(OUTAGE_S)
        ground.redis.ensure_started()
        self.deeds["Redis outages"] += 1

    async def _lose_postgres(self) -> None:
        ground = self.fleet.ground
        await asyncio.to_thread(ground.postgres.stop)
        await asyncio.sleep(OUTAGE_S)
        ground.postgres.ensure_started()
        self.deeds["Postgres outages"] += 1

    async def _insist(self, step: Callable[[], Awaitable[bool]], what: str) -> None:
        """Until it has worked; raises TimeoutError when it never does."""
        deadline = time.monotonic() + FRUITLESS_S
        while True:
            try:
                if await step():
                    return
            except _TROUBLE as trouble:
                self.deeds["tried again"] += 1
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not within {FRUITLESS_S:.0f} s: {what}") from trouble
            await asyncio.sleep(BREATH_S)

    async def _shows(self, salon: LinkedSalon, status: SessionStatus) -> None:
        async def shown() -> bool:
            return await self._is(salon, status)

        await wait_until(shown, STEP_S, f"{salon.session_id} is {status}")

    async def _is(self, salon: LinkedSalon, status: SessionStatus) -> bool:
        snapshot = (await self.fleet.bus.present_state(salon.session_id)).snapshot
        return snapshot is not None and snapshot.status is status


async def _run(work: Mischief) -> None:
    await work()
