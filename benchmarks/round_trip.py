"""Ping and pong through the WhatsApp process, beside two bare Redis clients.

``python -m benchmarks.round_trip``
"""

import asyncio
import statistics
import sys
import time
from typing import Final

from redis.asyncio import Redis

from benchmarks.world import machine, whole_world
from shared.bus.connection import connect_redis
from shared.bus.ping import RoundTrips

ROUNDS: Final = 1_000
THERE, BACK = "benchmark:there", "benchmark:back"


async def main() -> None:
    async with whole_world() as world:
        ours, redis_only = await _ours(world.redis_url)
        bare = await _bare(world.redis_url)
    print(f"{machine()}; {ROUNDS} rounds each, median")
    print(f"two bare redis-py clients       {bare:.3f} ms")
    print(f"ping -> pong, WhatsApp process  {ours:.3f} ms   {ours / bare:.2f} x (limit 2 x)")
    print(f"to Redis and back               {redis_only:.3f} ms")


async def _ours(url: str) -> tuple[float, float]:
    redis = connect_redis(url)
    trips = RoundTrips(redis)
    listening = asyncio.create_task(trips.run())
    try:
        through = [(await trips.through_whatsapp_service(5)).latency_ms for _ in range(ROUNDS)]
        redis_only = [(await trips.through_redis(5)).latency_ms for _ in range(ROUNDS)]
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await redis.aclose()
    return statistics.median(through), statistics.median(redis_only)


async def _bare(url: str) -> float:
    """Milliseconds; the other client is a process of its own, as the WhatsApp process is."""
    echo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.round_trip", url, stdout=asyncio.subprocess.PIPE
    )
    assert echo.stdout
    await echo.stdout.readline()
    redis = Redis.from_url(url, decode_responses=True)
    try:
        async with redis.pubsub() as pubsub:
            await pubsub.subscribe(BACK)
            await pubsub.get_message(timeout=5)
            times = []
            for _ in range(ROUNDS):
                started = time.perf_counter()
                await redis.publish(THERE, "ping")
                await pubsub.get_message(timeout=5)
                times.append((time.perf_counter() - started) * 1000)
    finally:
        await redis.aclose()
        echo.terminate()
        await echo.wait()
    return statistics.median(times)


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
    asyncio.run(echo(sys.argv[1]) if len(sys.argv) > 1 else main())
