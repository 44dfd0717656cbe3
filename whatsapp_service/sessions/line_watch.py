"""Proves that open connections live, and renews those on which nobody answers."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from weakref import WeakSet

import structlog
from prometheus_client import Counter, Histogram

from shared.messages.status import Reason
from shared.observability import capture
from whatsapp_service.gateway.linked_client import LineReport, LinkedClient
from whatsapp_service.sessions.session import Session

_log = structlog.get_logger(__name__)
_found = Counter(
    "silent_lines_total", "Connections that were open and dead, by what showed it", ["found"]
)
_round_trips = Histogram(
    "line_round_trip_seconds",
    "From a question to WhatsApp until its answer",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

ATTEMPTS: Final = 2
LOOKS_PER_INTERVAL: Final = 45
TELL_S: Final = 60.0
"""A snapshot's moments may be that much older than the truth; its facts never are."""


@dataclass(frozen=True, slots=True)
class WatchTimes:
    """``interval_s``: a line that has said nothing for so long, less its stagger, is asked."""

    interval_s: float
    answer_s: float


class LineWatch:
    """Asks who is open and quiet.

    A line that goes dark is found after the interval and two deadlines, 65 s by default.

    The library's own pings are a witness, too: one that goes unanswered counts as the first
    question, so that a line on which nothing is answered is found within 52 s.
    """

    def __init__(self, sessions: Iterable[Session], times: WatchTimes) -> None:
        self._sessions = sessions
        self._times = times
        self._under_way: set[Session] = set()
        self._given_up: WeakSet[LinkedClient] = WeakSet()

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as checks:
            while True:
                await asyncio.sleep(self._look_s)
                for session in self._sessions:
                    self._look(session, checks)

    @property
    def _look_s(self) -> float:
        return self._times.interval_s / LOOKS_PER_INTERVAL

    def _look(self, session: Session, checks: asyncio.TaskGroup) -> None:
        client = session.connection.client
        if client is not None and self._due(session, client):
            self._under_way.add(session)
            check = self._check(session, client)
            checks.create_task(check, name=f"line {session.session_id}")
        if session.line.news(TELL_S):
            session.voice.liveness(session.state)

    def _due(self, session: Session, client: LinkedClient) -> bool:
        if not session.connected or session in self._under_way or client in self._given_up:
            return False
        line = session.line
        quiet_s = time.monotonic() - line.proved_at
        return not line.alive or quiet_s >= self._times.interval_s * line.stagger

    async def _check(self, session: Session, client: LinkedClient) -> None:
        try:
            report = await self._ask(session, client)
            if report is not None and _is_open(session, client):
                self._renew(session, client, report)
        except TimeoutError:
            _log.warning("line_not_asked", company_id=session.session_id)
        except Exception as error:  # noqa: BLE001 - one session's trouble ends no other's watch
            _log.exception("line_check_failed", company_id=session.session_id)
            capture(error, operation="line watch", company_id=session.session_id)
        finally:
            self._under_way.discard(session)

    async def _ask(self, session: Session, client: LinkedClient) -> LineReport | None:
        """None when the line lives; else what the last question has shown."""
        line = session.line
        report = None
        for _ in range(ATTEMPTS if line.alive else 1):
            asked_at = time.monotonic()
            report = await client.prove_line(self._times.answer_s)
            if not _is_open(session, client) or line.proved_at > asked_at:
                return None
            if report.answered:
                if report.round_trip_s is not None:
                    _round_trips.observe(report.round_trip_s)
                line.prove()
                return None
            line.doubt()
            session.voice.liveness(session.state)
            if not report.connected:
                await asyncio.sleep(self._look_s)
        return report

    def _renew(self, session: Session, client: LinkedClient, report: LineReport) -> None:
        line = session.line
        line.silent_at = time.time()
        found = "silence" if report.connected else "not_connected"
        _found.labels(found=found).inc()
        _log.warning(
            "line_silent",
            company_id=session.session_id,
            found=found,
            quiet_s=round(time.monotonic() - line.proved_at, 1),
        )
        reason = Reason.KEEPALIVE_TIMEOUT if report.connected else Reason.SOCKET_LOST
        if session.connection.renew(client, reason):
            self._given_up.add(client)


def _is_open(session: Session, client: LinkedClient) -> bool:
    return session.connected and client is session.connection.client
