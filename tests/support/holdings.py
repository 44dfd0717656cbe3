"""What the running system holds, counted from outside and by its own gauges."""

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass
from math import inf
from typing import Final
from urllib.parse import urlsplit

import httpx2
import psutil
import psycopg
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from sandbox.services.loopback import NOBODY
from sandbox.whatsapp_network.control_client import ControlClient
from shared.bus import keys
from shared.bus.connection import MAX_CONNECTIONS
from tests.support.waiting import PATIENCE_S

LOOK_EVERY_S: Final = 0.5
STEADY_LOOKS: Final = 7
MEMORY_TOLERANCE: Final = 0.10
SPARE_LINKERS: Final = 1
IDLE_OF_THE_LIBRARY: Final = 2
"""Connections to Postgres that the library keeps for each client, at most."""
OURS: Final = "holdings"
DATABASE_POOLS: Final = {"api-service": 2, "whatsapp-service": 2, "whatsapp-service credentials": 3}
"""Each grows to its bound and shrinks after two minutes; `SMALL_POOLS` makes the bounds these."""
SMALL_POOLS: Final = {"DATABASE_POOL_SIZE": "2"}

SPARE_THREADS_OF_GO: Final = 4
"""Its runtime keeps as many as ever ran at once; without a session it runs nothing."""

Counts = dict[str, float]

BOUNDED_STREAMS: Final = frozenset(
    f"redis: lasting {stream}" for stream in (keys.COMMANDS, keys.EVENTS_LOG)
)
"""There once there was anything to say; their length has a limit."""

_NUMBER: Final = re.compile(r"\d+")

_GAUGES: Final = {
    "api": ("realtime_transports", "realtime_rooms", "realtime_tasks", "requests_waiting"),
    "whatsapp": ("session_timers", "session_mailbox_depth", "linkers_in_use", "linkers_queued"),
}
_IDLE: Final = {
    "api": ("realtime_transports", "realtime_tasks", "requests_waiting"),
    "whatsapp": ("linkers_in_use", "linkers_queued", "session_mailbox_depth"),
}


@dataclass(frozen=True, slots=True)
class System:
    """One process of each kind, and what they stand on."""

    api_url: str
    api_pid: int
    whatsapp_url: str
    whatsapp_pid: int
    redis_url: str
    database_url: str
    phones: ControlClient


async def count(system: System) -> Counts:
    counts: Counts = {}
    for name, pid, url in (
        ("api", system.api_pid, system.api_url),
        ("whatsapp", system.whatsapp_pid, system.whatsapp_url),
    ):
        counts.update(_of_process(name, psutil.Process(pid), system))
        families = await _families(url)
        counts.update(_of_gauges(name, _sums(families)))
        counts[f"{name}: Redis connections in use"] = _redis_connections_in_use(families)
    counts.update(await _of_redis(system.redis_url))
    counts.update(await asyncio.to_thread(_of_postgres, system.database_url))
    counts["network: open connections"] = (await system.phones.stats()).open_connections
    return counts


async def settled(
    system: System, before: Counts | None, timeout_s: float, *, linked: int = 0
) -> Counts:
    """The counts, once nothing is under way and nothing is more than ``before``.

    ``linked``: how many salons there are whose sessions stay.

    Raises AssertionError with a table of everything when that takes longer.
    """
    deadline = time.monotonic() + timeout_s
    tasks: list[float] = []
    while True:
        now = await count(system)
        tasks.append(now["api: asyncio tasks"])
        complaints = _under_way(now, linked) + (grown(before, now) if before else [])
        if before is None and not _steady(tasks):
            complaints.append("api: asyncio tasks")
        if not complaints:
            return now
        if time.monotonic() > deadline:
            raise AssertionError(f"not settled: {complaints}\n{table(before or now, now)}")
        await asyncio.sleep(LOOK_EVERY_S)


def _steady(tasks: list[float]) -> bool:
    """The engine's pings of pages that have left end only when they are due, within 15 s.

    A base line that held them would hide as many leaked tasks.
    """
    lately = tasks[-STEADY_LOOKS:]
    return len(lately) == STEADY_LOOKS and lately == sorted(lately)


def without(counts: Counts, prefix: str) -> Counts:
    """Those of a process that was started anew cannot be compared: any number will do."""
    return {name: inf if name.startswith(prefix) else value for name, value in counts.items()}


def grown(before: Counts, now: Counts) -> list[str]:
    """The names of what is more than it was, beyond what it may be."""
    names = before.keys() | now.keys()
    return sorted(name for name in names if now.get(name, 0) > _allowed(name, before))


def table(before: Counts, now: Counts) -> str:
    """Markdown: each count before, now and at most."""
    rows = ["| held | before | after | at most |", "|---|---:|---:|---:|"]
    for name in sorted(before.keys() | now.keys()):
        old, new, limit = before.get(name, 0), now.get(name, 0), _allowed(name, before)
        mark = " **more**" if new > limit else ""
        rows.append(f"| {name} | {old:g} | {new:g}{mark} | {limit:g} |")
    return "\n".join(rows)


def _allowed(name: str, before: Counts) -> float:  # noqa: PLR0911 - a rule a line
    """Pools may fill up to their bounds, memory may vary; nothing else may grow."""
    was = before.get(name, 0)
    kind = name.partition(": ")[2]
    if kind == "memory, MB":
        return round(was * (1 + MEMORY_TOLERANCE), 1)
    if kind == "pooled Redis connections":
        return MAX_CONNECTIONS  # as many as were ever used at once; its users are counted
    if name in BOUNDED_STREAMS:
        return 1
    sessions = before.get("whatsapp: sessions", 0)
    if name == "whatsapp: threads" and sessions:
        return was + SPARE_THREADS_OF_GO
    if name == "postgres: connections of the library":
        return max(was, IDLE_OF_THE_LIBRARY * sessions)
    if name.startswith("postgres: connections of "):
        return max(was, DATABASE_POOLS.get(name.removeprefix("postgres: connections of "), 0))
    return was


def _under_way(now: Counts, linked: int) -> list[str]:
    idle = [f"{who}: {gauge}" for who, gauges in _IDLE.items() for gauge in gauges]
    busy = [name for name in (*idle, "redis: secrets") if now[name]]
    if now["whatsapp: sessions"] > linked:
        busy.append("whatsapp: sessions")
    if now["whatsapp: child processes"] > SPARE_LINKERS:
        busy.append("whatsapp: child processes")
    return busy


def _of_process(name: str, process: psutil.Process, system: System) -> Counts:
    """Sockets to Redis and Postgres are counted apart: they belong to pools.

    One that Redis has closed is still its pool's, until the next who takes it opens it anew.
    """
    redis_port, postgres_port = _port(system.redis_url), _port(system.database_url)
    with process.oneshot():
        pooled = Counter(
            connection.raddr.port
            for connection in process.net_connections("tcp")
            if connection.raddr
        )
        return {
            f"{name}: threads": process.num_threads(),
            f"{name}: descriptors but pools'": (
                process.num_fds() - pooled[redis_port] - pooled[postgres_port]
            ),
            f"{name}: pooled Redis connections": pooled[redis_port],
            f"{name}: child processes": len(process.children(recursive=True)),
            f"{name}: memory, MB": round(process.memory_info().rss / 1e6, 1),
        }


async def gauges(url: str) -> dict[str, float]:
    """Gauges by name, summed over their labels."""
    return _sums(await _families(url))


async def _families(url: str) -> list[Metric]:
    async with httpx2.AsyncClient(verify=NOBODY, trust_env=False, timeout=PATIENCE_S) as http:
        text = (await http.get(f"{url}/metrics")).text
    return [it for it in text_string_to_metric_families(text) if it.type == "gauge"]


def _sums(families: list[Metric]) -> dict[str, float]:
    return {family.name: sum(it.value for it in family.samples) for family in families}


def _redis_connections_in_use(families: list[Metric]) -> float:
    [connections] = [family for family in families if family.name == "redis_connections"]
    return sum(it.value for it in connections.samples if it.labels["state"] == "used")


def _of_gauges(name: str, gauges: dict[str, float]) -> Counts:
    counts = {f"{name}: {gauge}": gauges.get(gauge, 0) for gauge in _GAUGES[name]}
    counts[f"{name}: asyncio tasks"] = gauges["asyncio_tasks"]
    if name == "whatsapp":
        counts["whatsapp: sessions"] = gauges.get("sessions", 0)
    return counts


async def _of_redis(url: str) -> Counts:
    async with Redis.from_url(url, decode_responses=True) as redis:
        lasting = [key async for key in redis.scan_iter(count=1_000) if await redis.ttl(key) == -1]
        secrets = [key async for key in redis.scan_iter(match="whatsapp:session:*:*")]
        groups = await redis.xinfo_groups(keys.COMMANDS) if keys.COMMANDS in lasting else []
        subscribers = await redis.pubsub_numsub(keys.EVENTS_CHANNEL, keys.HEALTH_CHANNEL)
    kinds = Counter(_NUMBER.sub("…", key) for key in lasting)
    counts: Counts = {f"redis: lasting {kind}": number for kind, number in kinds.items()}
    counts["redis: secrets"] = len(secrets)
    counts["redis: commands in hand"] = sum(int(group["pending"]) for group in groups)
    counts["redis: consumers of commands"] = sum(int(group["consumers"]) for group in groups)
    counts["redis: subscriptions"] = sum(count for _, count in subscribers)
    return counts


def _of_postgres(url: str) -> Counts:
    with psycopg.connect(url, application_name=OURS) as connection:
        rows = connection.execute(
            "SELECT application_name, count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name <> %s GROUP BY 1",
            [OURS],
        ).fetchall()
    return {f"postgres: connections of {name or 'the library'}": number for name, number in rows}


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
