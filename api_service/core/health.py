"""What a health scraper is told. Every check has a deadline, and none of them raises."""

import asyncio
import os
import resource
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from api_service.core.activity import Activity
from shared.bus.connection import BusError
from shared.bus.durability import UNKNOWN, Durability
from shared.bus.ping import NobodyAnsweredError, RoundTrips
from shared.bus.vitals import Vitals
from shared.db import Pool, measure_latency_ms, within

CHECK_S: Final = 2.0
PONG_S: Final = 1.5
LATE_S: Final = 0.5
"""After a deadline a check is not waited for: redis-py may have dropped the cancellation, and then
waits for a Redis that stands still, for 10 s."""
UNREAD_WARNING: Final = 1_000
MEMORY_WARNING_BYTES: Final = 1024**3


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


_GRAVITY: Final = (Health.OK, Health.WARNING, Health.ERROR)


@dataclass(frozen=True, slots=True)
class Check:
    status: Health
    detail: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"status": self.status.value, **self.detail}


def iso(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def worst(checks: list[Check]) -> Health:
    return max((check.status for check in checks), key=_GRAVITY.index)


class HealthChecks:
    """``redis`` and ``database`` decide about ``error``; the rest can only warn.

    The WhatsApp process being away is a warning here, and so is a Redis that would forget what it
    must not: starting this process again would not help.
    """

    def __init__(
        self,
        vitals: Vitals,
        round_trips: RoundTrips,
        database: Pool,
        activity: Activity,
    ) -> None:
        self._vitals = vitals
        self._round_trips = round_trips
        self._database = database
        self._activity = activity

    async def all(self) -> dict[str, Check]:
        redis, database, whatsapp, queue = await asyncio.gather(
            self.redis(), self.database(), self.whatsapp(), self.queue()
        )
        return {
            "redis": redis,
            "database": database,
            "whatsapp": whatsapp,
            "queue": queue,
            "memory": self.memory(),
            "lastActivity": self.last_activity(),
        }

    async def redis(self) -> Check:
        """``appendOnly``, ``appendFsync``: as Redis says, or unknown where it does not."""
        try:
            latency_ms, durability = await within(CHECK_S + LATE_S, self._ask_redis())
        except TimeoutError:
            latency_ms, durability = None, UNKNOWN
        answer = _reachable(latency_ms)
        detail = {
            **answer.detail,
            "appendOnly": durability.append_only.value,
            "appendFsync": durability.fsync,
        }
        forgets = self._vitals.forgets(durability)
        return Check(Health.WARNING if forgets else answer.status, detail)

    async def _ask_redis(self) -> tuple[float | None, Durability]:
        return await asyncio.gather(self._vitals.latency_ms(CHECK_S), self._vitals.durability())

    async def database(self) -> Check:
        return _reachable(await measure_latency_ms(self._database, CHECK_S))

    async def whatsapp(self) -> Check:
        """A ping through the WhatsApp processes and back.

        ``silent``: who should have answered; ``storeless``: who cannot reach the credential store.
        """
        try:
            asking = self._round_trips.through_whatsapp_service(PONG_S)
            trip = await within(2 * PONG_S + LATE_S, asking)
        except (BusError, OSError, TimeoutError) as error:
            silent = error.silent if isinstance(error, NobodyAnsweredError) else ()
            detail = {"reachable": False, "latencyMs": None, "silent": list(silent)}
            return Check(Health.WARNING, {**detail, "storeless": []})
        return Check(
            Health.WARNING if trip.silent or trip.storeless else Health.OK,
            {
                "reachable": True,
                "latencyMs": round(trip.latency_ms, 1),
                "silent": list(trip.silent),
                "storeless": list(trip.storeless),
            },
        )

    async def queue(self) -> Check:
        """Commands to sessions. Some that are dead wait for an operator."""
        try:
            depth = await within(CHECK_S, self._vitals.command_depth())
        except (BusError, OSError, TimeoutError):
            return Check(Health.WARNING, {"unread": None, "inHand": None, "dead": None})
        loaded = depth.dead > 0 or depth.unread > UNREAD_WARNING
        return Check(
            Health.WARNING if loaded else Health.OK,
            {"unread": depth.unread, "inHand": depth.in_hand, "dead": depth.dead},
        )

    def memory(self) -> Check:
        size = resident_bytes()
        status = Health.WARNING if size > MEMORY_WARNING_BYTES else Health.OK
        return Check(status, {"residentMb": round(size / 1024**2, 1)})

    def last_activity(self) -> Check:
        """News, not a fault: a quiet night is healthy."""
        return Check(Health.OK, {"at": iso(self._activity.last_event_ms)})

    @property
    def uptime_s(self) -> float:
        return self._activity.uptime_s


def _reachable(latency_ms: float | None) -> Check:
    if latency_ms is None:
        return Check(Health.ERROR, {"connected": False, "latencyMs": None})
    return Check(Health.OK, {"connected": True, "latencyMs": round(latency_ms, 1)})


def resident_bytes() -> int:
    """Memory held now; where /proc is missing, the most that was ever held."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")
