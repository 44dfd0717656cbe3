"""How long a salon owner waits, beside the bare library on the same network and machine.

``python -m benchmarks.linking``
"""

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import Final

from benchmarks.world import World, machine, whole_world
from shared.company_id import SessionId
from shared.messages.events import Connected, PairingCode, Qr
from tests.support.neonize_process import run_neonize

ROUNDS: Final = 12
"""The first of each kind warms up and does not count."""


@dataclass(frozen=True)
class Waits:
    """Seconds."""

    to_qr: float
    scan_to_connected: float


async def main() -> None:
    async with whole_world() as world:
        ours = [await _link_by_qr(world, number) for number in range(ROUNDS)][1:]
        codes = [await _code(world, number) for number in range(ROUNDS)][1:]
        bare = [await _link_bare(world, number) for number in range(ROUNDS)][1:]
        replaced = (await world.phones.stats()).replaced
    linked = _p95([wait.scan_to_connected for wait in ours])
    peer = _p95(bare)
    print(
        f"{machine()}; {ROUNDS - 1} rounds each, p95 (median of scan -> connected: "
        f"{1000 * statistics.median(wait.scan_to_connected for wait in ours):.0f} ms, "
        f"bare {1000 * statistics.median(bare):.0f} ms)"
    )
    _row("QR asked -> QR published", _p95([wait.to_qr for wait in ours]), "limit 1000 ms")
    _row("code asked -> code published", _p95(codes), "limit 1000 ms")
    _row("scan -> connected, bare neonize with SQLite", peer, "peer")
    _row("scan -> connected published", linked, f"peer + {1000 * (linked - peer):.0f} ms")
    print(f"connections replaced: {replaced} (must be 0)")


async def _link_by_qr(world: World, number: int) -> Waits:
    session_id, phone = SessionId(f"company_{3000 + number}"), f"799900030{number:02}"
    await world.phones.create_phone(phone)
    asked = time.perf_counter()
    await world.bus.request_qr(session_id)
    qr = await world.bus.event(Qr, session_id)
    to_qr = time.perf_counter() - asked
    await _person_is_slow()
    scanned = time.perf_counter()
    await world.phones.scan(phone, qr.qr)
    await world.bus.event(Connected, session_id)
    return Waits(to_qr, time.perf_counter() - scanned)


async def _code(world: World, number: int) -> float:
    session_id, phone = SessionId(f"company_{4000 + number}"), f"799900040{number:02}"
    await world.phones.create_phone(phone)
    asked = time.perf_counter()
    await world.bus.request_code(session_id, phone)
    code = await world.bus.event(PairingCode, session_id)
    waited = time.perf_counter() - asked
    await _person_is_slow()
    await world.phones.type_code(phone, code.code)
    await world.bus.event(Connected, session_id)
    return waited


async def _link_bare(world: World, number: int) -> float:
    phone = f"799900050{number:02}"
    await world.phones.create_phone(phone)
    async with run_neonize(world.client_environment, world.folder / f"{number}.db") as client:
        qr = await client.next("qr")
        await _person_is_slow()
        shown = time.perf_counter()
        await world.phones.scan(phone, qr["qr"])
        await client.next("Connected")
        return time.perf_counter() - shown


async def _person_is_slow() -> None:
    """Nobody scans or types at once; meanwhile the next spare linker gets warm."""
    await asyncio.sleep(2)


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def _row(name: str, seconds: float, beside: str) -> None:
    print(f"{name:45} {1000 * seconds:7.0f} ms   {beside}")


if __name__ == "__main__":
    asyncio.run(main())
