"""What everything together holds at calm moments, and whether it grows."""

import asyncio
import contextlib
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import psycopg
from psycopg.sql import SQL, Identifier
from redis.asyncio import Redis

from tests.support.fleet import Fleet, Member
from tests.support.fleet_ground import Ground
from tests.support.pgbouncer import server_connections
from whatsapp_service.sessions.retirement import DESCRIPTORS_EACH

OURS: Final = "soak"
OUR_POOLS: Final = "whatsapp-service"
STEADY: Final = "a"
"""The member that nobody ends but itself."""
RETIRE_AFTER_CLIENTS: Final = 40
"""So few that this member retires every other round, and its lives can be compared."""
TABLES: Final = (
    "whatsapp_sessions",
    "whatsapp_processes",
    "whatsapp_link_attempts",
    "whatsmeow_device",
    "whatsmeow_pre_keys",
    "whatsmeow_identity_keys",
    "whatsmeow_sessions",
)
TOLERANCE: Final = 0.05
ALLOWANCE: Final[Mapping[str, float]] = {
    "memory of the process that only retires, MB": 8.0,
    "memory of all, MB": 25.0,
    "threads": 8.0,
    "descriptors": 20.0 + DESCRIPTORS_EACH * RETIRE_AFTER_CLIENTS,
    "descriptors in use": 20.0,
    "Postgres connections": 12.0,
    "Redis keys that last": 6.0,
    "Redis memory, MB": 4.0,
    "rows of whatsmeow_pre_keys": 900.0,
}
"""Beyond the tolerance: what pools and the Go runtime keep of their busiest moment, of device keys
a new link's 812, and of descriptors what one process leaves behind from its start until it retires:
the calm moments come at any point of that way."""
ROWS_ALLOWANCE: Final = 3.0
REMEMBERED: Final = frozenset({"Redis keys that expire", "rows of whatsapp_link_attempts"})
"""Kept for ten minutes after the deed: as many as there were deeds, and compared only in a run that
is long enough to have forgotten some."""
REMEMBERED_TOLERANCE: Final = 0.35
FORGETTING_MINUTES: Final = 18.0

Sample = dict[str, float]


async def library_rests(ground: Ground) -> bool:
    """Postgres has ended every connection of the library: none was used for a while."""
    names = await asyncio.to_thread(server_connections, ground.database_url)
    return all(name.startswith(OUR_POOLS) for name in names)


async def take_sample(fleet: Fleet) -> Sample:
    """Of a calm moment; the processes' figures are sums, so that sessions may move.

    Raises psutil.NoSuchProcess when one ends meanwhile.
    """
    members = list(fleet.members.values())
    descriptors = sum(member.usage().num_fds() for member in members)
    sample: Sample = {
        "threads": sum(member.usage().num_threads() for member in members),
        "descriptors": descriptors,
        "descriptors in use": descriptors - sum(map(_left_open, members)),
        "child processes": sum(len(member.usage().children()) for member in members),
        "memory of all, MB": sum(map(_resident_mb, members)),
        "memory of the process that only retires, MB": _resident_mb(fleet.members[STEADY]),
        "connections at the network": (await fleet.phones.stats()).open_connections,
    }
    sample |= await _of_redis(fleet.ground.redis_url)
    return sample | await asyncio.to_thread(_of_postgres, fleet.ground)


@dataclass(frozen=True, slots=True)
class Trend:
    """Medians of the second and of the last third."""

    name: str
    second: float
    last: float

    @property
    def allowed(self) -> float:
        rows = ROWS_ALLOWANCE if self.name.startswith("rows of ") else 0.0
        if self.name in REMEMBERED:
            return self.second * (1 + REMEMBERED_TOLERANCE)
        return self.second * (1 + TOLERANCE) + ALLOWANCE.get(self.name, rows)

    @property
    def flat(self) -> bool:
        return self.last <= self.allowed

    def row(self) -> str:
        last = f"{self.last:,.4g}{'' if self.flat else ' **grows**'}"
        return f"| {self.name} | {self.second:,.4g} | {last} | {self.allowed:,.4g} |"


def trends(samples: list[Sample], minutes: float) -> list[Trend]:
    """The first third is warming up: pools fill, Go's runtime learns. None for fewer than three."""
    third = len(samples) // 3
    if not third:
        return []
    second, last = samples[-2 * third : -third], samples[-third:]
    left_out = REMEMBERED if minutes < FORGETTING_MINUTES else frozenset()
    names = [name for name in samples[-1] if name not in left_out]
    return [Trend(name, _median(second, name), _median(last, name)) for name in names]


def _median(samples: list[Sample], name: str) -> float:
    return statistics.median(sample.get(name, 0.0) for sample in samples)


def _left_open(member: Member) -> int:
    """Sockets that Postgres has closed and the library keeps, of clients that were closed.

    They belong to no connection; three of the event loop are among them.
    """
    process = member.usage()
    connections = process.net_connections("inet")
    living = sum(each.status != psutil.CONN_CLOSE_WAIT for each in connections)
    return _sockets(process.pid) - living


def _sockets(pid: int) -> int:
    found = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += str(descriptor.readlink()).startswith("socket:")
    return found


def _resident_mb(member: Member) -> float:
    return float(psutil.Process(member.process.pid).memory_info().rss) / 1e6


async def _of_redis(url: str) -> Sample:
    async with Redis.from_url(url) as redis:
        memory = await redis.info("memory")
        async with redis.pipeline(transaction=False) as pipe:
            async for key in redis.scan_iter(count=1_000):
                pipe.ttl(key)
            lasting = (await pipe.execute()).count(-1)
        return {
            "Redis keys that last": lasting,
            "Redis keys that expire": await redis.dbsize() - lasting,
            "Redis memory, MB": memory["used_memory_dataset"] / 1e6,
        }


def _of_postgres(ground: Ground) -> Sample:
    with psycopg.connect(ground.database_url, application_name=OURS) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name <> %s",
            [OURS],
        ).fetchone()
        sample: Sample = {"Postgres connections": float(found[0]) if found else 0.0}
        for table in TABLES:
            statement = SQL("SELECT count(*) FROM {}")
            row = connection.execute(statement.format(Identifier(table))).fetchone()
            sample[f"rows of {table}"] = float(row[0]) if row else 0.0
    return sample
