"""Reads what sessions have left in Redis: snapshots and live secrets."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeVar, cast

from pydantic import ValidationError
from redis.asyncio import Redis

from shared.bus import keys
from shared.company_id import SessionId
from shared.messages.envelope import WireModel
from shared.messages.snapshot import LiveCode, LiveQr, Snapshot

M = TypeVar("M", bound=WireModel)


@dataclass(frozen=True, slots=True)
class PresentState:
    """What a page that comes now is to be shown; each is None when there is none."""

    snapshot: Snapshot | None
    qr: LiveQr | None
    code: LiveCode | None


class Snapshots:
    """Every method may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def present_state(self, session_id: SessionId) -> PresentState:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.session_snapshot(session_id))
            pipe.get(keys.live_qr(session_id))
            pipe.get(keys.live_code(session_id))
            fields, qr, code = await pipe.execute()
        return PresentState(Snapshot.from_hash(fields), _read(LiveQr, qr), _read(LiveCode, code))

    async def all(self) -> AsyncIterator[Snapshot]:
        """Every snapshot there is, in no order; one that changes meanwhile may come twice."""
        async for key in self._redis.scan_iter(
            match=keys.session_snapshot(SessionId("company_*")), count=500, _type="hash"
        ):
            snapshot = Snapshot.from_hash(cast("dict[str, str]", await self._redis.hgetall(key)))
            if snapshot is not None:
                yield snapshot


def _read(kind: type[M], value: str | None) -> M | None:
    try:
        return kind.model_validate_json(value) if value else None
    except ValidationError:
        return None
