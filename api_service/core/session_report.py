"""The state of sessions for operators: counts and single salons, numbers masked."""

import asyncio
import time
from collections import Counter
from typing import Any, Final

from api_service.core.health import CHECK_S, iso
from shared.bus.snapshots import Snapshots
from shared.company_id import SessionId, parse_salon_id, parse_session_id, session_id_of
from shared.errors import AppError, ErrorCode
from shared.phone import mask_phone

FRESH_S: Final = 5.0
"""Counting reads every snapshot, so a scraper's burst shares one count."""


class SessionReport:
    """Raises AppError for bad input, TimeoutError and redis.exceptions.RedisError."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self._counting = asyncio.Lock()
        self._counted_at = float("-inf")
        self._counts: dict[str, Any] = {}

    async def overall(self) -> dict[str, Any]:
        async with asyncio.timeout(CHECK_S), self._counting:
            if time.monotonic() - self._counted_at > FRESH_S:
                self._counts = await self._count()
                self._counted_at = time.monotonic()
        return self._counts

    async def _count(self) -> dict[str, Any]:
        statuses: Counter[str] = Counter()
        lines: Counter[str] = Counter(loggedIn=0, socketAlive=0, silent=0)
        async for snapshot in self._snapshots.all():
            statuses[snapshot.status.value] += 1
            lines["loggedIn"] += snapshot.logged_in
            lines["socketAlive"] += snapshot.socket_alive
            lines["silent"] += snapshot.connected and not snapshot.socket_alive
        return {
            "sessions": {
                "total": statuses.total(),
                "connected": statuses["connected"],
                **lines,
                "byStatus": dict(sorted(statuses.items())),
            }
        }

    async def one(self, company: str) -> dict[str, Any]:
        """``company_1001`` or ``1001``. Raises AppError(INVALID_SESSION_ID, NOT_FOUND)."""
        session_id = _session_id(company)
        async with asyncio.timeout(CHECK_S):
            state = await self._snapshots.present_state(session_id)
        snapshot = state.snapshot
        if snapshot is None:
            raise AppError(ErrorCode.NOT_FOUND)
        phone = snapshot.phone_number
        return {
            "status": snapshot.status.value,
            "session_id": session_id,
            "connected": snapshot.connected,
            "reason": snapshot.reason,
            "linked": phone is not None,
            "phoneNumber": mask_phone(phone) if phone else None,
            "loggedIn": snapshot.logged_in,
            "socketAlive": snapshot.socket_alive,
            "lastEventAt": iso(snapshot.last_event_at),
            "connectedSince": iso(snapshot.connected_since),
            "phoneSeen": iso(snapshot.phone_seen),
            "hasQR": state.qr is not None,
            "hasPairingCode": state.code is not None,
            "retryAt": iso(snapshot.retry_at),
            "updatedAt": iso(snapshot.updated_at),
        }


def _session_id(company: str) -> SessionId:
    if company.startswith("company_"):
        return parse_session_id(company)
    return session_id_of(parse_salon_id(company))
