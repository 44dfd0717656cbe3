"""What a process holds at this moment, read when Prometheus asks: a leak shows here first."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.asyncio import Redis

from shared.db import Pool

_TASKS: Final = Path("/proc/self/task")
_STATE: Final = "db.client.connection.state"

Read = Callable[[], float | None]
ReadEach = Callable[[], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class _Holding:
    name: str
    help: str
    label: str
    read: ReadEach


class Inventory(Collector):
    """Gauges of one application: no process-wide registration, so that tests may build several.

    Readings run on the event loop at each scrape; they are cheap and change nothing.
    """

    def __init__(self) -> None:
        self._holdings: list[_Holding] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self.add("asyncio_tasks", "Tasks that have not ended", lambda: len(asyncio.all_tasks()))
        self.add("process_threads", "Threads, the library's among them", _threads)
        self.add("process_children", "Child processes, dead ones not waited for too", _children)

    def add(self, name: str, text: str, read: Read) -> None:
        """A reading of None, where the platform cannot tell, leaves the gauge out."""

        def each() -> Mapping[str, float]:
            value = read()
            return {} if value is None else {"": value}

        self._holdings.append(_Holding(name, text, "", each))

    def add_each(self, name: str, text: str, label: str, read: ReadEach) -> None:
        """``read`` gives the gauge's value by the value of its one label, of which few exist."""
        self._holdings.append(_Holding(name, text, label, read))

    def add_redis(self, redis: Redis) -> None:
        def connections() -> Mapping[str, float]:
            counted = redis.connection_pool.get_connection_count()
            return {str(labels[_STATE]): count for count, labels in counted}

        self.add_each("redis_connections", "Connections to Redis", "state", connections)

    def add_databases(self, *pools: Pool) -> None:
        def reading(measure: str) -> ReadEach:
            return lambda: {pool.name: pool.get_stats().get(measure, 0) for pool in pools}

        for name, text, measure in (
            ("postgres_connections", "Connections of our own to Postgres", "pool_size"),
            ("postgres_connections_idle", "Those that nobody uses", "pool_available"),
            ("postgres_waiting", "Queries that wait for a connection", "requests_waiting"),
        ):
            self.add_each(name, text, "pool", reading(measure))

    def collect(self) -> Iterable[Metric]:
        for holding in self._holdings:
            labels = [holding.label] if holding.label else []
            family = GaugeMetricFamily(holding.name, holding.help, labels=labels)
            for label, value in holding.read().items():
                family.add_metric([label] if labels else [], value)
            yield family

    def exposition(self) -> bytes:
        """What ``/metrics`` answers: everything counted anywhere in the process, then these."""
        return generate_latest(REGISTRY) + generate_latest(self._registry)


def _threads() -> float | None:
    """Those that Python did not start are not in ``threading.enumerate``."""
    try:
        return sum(1 for _ in _TASKS.iterdir())
    except OSError:
        return None


def _children() -> float | None:
    """Linux notes a child with the thread that started it."""
    lists = list(_TASKS.glob("*/children"))
    return sum(_count_words(path) for path in lists) if lists else None


def _count_words(path: Path) -> int:
    try:
        return len(path.read_text("ascii").split())
    except OSError:  # the thread has just ended
        return 0
