"""Ping and pong over both processes, beside two bare Redis clients; and health, by HTTP."""

import asyncio
import http.client
import json
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit

from redis.asyncio import Redis

from benchmarks.report import Figure
from benchmarks.world import World

BATCHES: Final = 10
THERE, BACK = "benchmark:there", "benchmark:back"


@dataclass
class Times:
    """Milliseconds. ``through`` is measured inside the API process, the last two outside."""

    through: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    pubsub: list[float] = field(default_factory=list)
    simple: list[float] = field(default_factory=list)


async def measure(world: World, rounds: int) -> tuple[list[Figure], dict[str, float]]:
    """Ours and the peer take turns, so that a noisy moment meets both."""
    times = Times()
    async with _Bare(world.environment["REDIS_URL"]) as bare:
        for batch in range(BATCHES + 1):
            if batch == 1:
                times = Times()
            times.bare += [await bare.round_trip() for _ in range(rounds // BATCHES)]
            await asyncio.to_thread(_ask_health, world.api_url, rounds // BATCHES, times)
    medians = {name: statistics.median(values) for name, values in vars(times).items()}
    return _figures(medians, rounds), {f"{name}_ms": value for name, value in medians.items()}


def _figures(medians: dict[str, float], rounds: int) -> list[Figure]:
    peer = f"two bare redis-py clients, same {rounds} rounds: {medians['bare']:.2f} ms"
    return [
        Figure(
            "ping → pong over both processes, median",
            medians["through"],
            2 * medians["bare"],
            "ms",
            peer,
            "four passes of Redis and two event loops, as the peer; ours also checks each message",
        ),
        Figure(
            "`/health/pubsub`, median",
            medians["pubsub"],
            5,
            "ms",
            f"ping → pong within it: {medians['through']:.2f} ms",
            "the round trip, then one HTTP request",
        ),
        Figure(
            "`/health/pubsub/simple`, median",
            medians["simple"],
            3,
            "ms",
            "",
            "one HTTP request, then publish and delivery in one process",
        ),
    ]


def _ask_health(api_url: str, rounds: int, times: Times) -> None:
    address = urlsplit(api_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        for _ in range(rounds):
            took_ms, answer = _get(connection, "/health/pubsub")
            times.pubsub.append(took_ms)
            times.through.append(answer["latencyMs"])
            times.simple.append(_get(connection, "/health/pubsub/simple")[0])
    finally:
        connection.close()


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[float, dict[str, float]]:
    started = time.perf_counter()
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    took_ms = (time.perf_counter() - started) * 1000
    if response.status != http.client.OK:
        raise RuntimeError(f"{path} answered {response.status}")
    return took_ms, json.loads(body)


class _Bare:
    """Two clients of redis-py and nothing else; the other is a process of its own, as ours is."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._redis = Redis.from_url(url, decode_responses=True)
        self._pubsub = self._redis.pubsub()
        self._echo: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._echo = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.bus", self._url, stdout=asyncio.subprocess.PIPE
        )
        assert self._echo.stdout
        await asyncio.wait_for(self._echo.stdout.readline(), 10)
        await self._pubsub.subscribe(BACK)
        await self._pubsub.get_message(timeout=5)
        return self

    async def round_trip(self) -> float:
        started = time.perf_counter()
        await self._redis.publish(THERE, "ping")
        await self._pubsub.get_message(timeout=5)
        return (time.perf_counter() - started) * 1000

    async def __aexit__(self, *_: object) -> None:
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py
        await self._redis.aclose()
        if self._echo is not None:
            self._echo.terminate()
            await self._echo.wait()


async def echo(url: str) -> None:
    redis = Redis.from_url(url, decode_responses=True)
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(THERE)
        await pubsub.get_message(timeout=5)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        async for _ in pubsub.listen():
            await redis.publish(BACK, "pong")


if __name__ == "__main__":
    asyncio.run(echo(sys.argv[1]))
