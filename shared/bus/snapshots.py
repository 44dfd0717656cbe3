"""Reads what sessions have left in Redis: snapshots and live secrets."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import ValidationError
from redis.asyncio import Redis

from shared.bus import keys
from shared.company_id import SessionId
from shared.messages.envelope import WireModel
from shared.messages.snapshot import LiveCode, LiveQr, Snapshot
from shared.messages.status import Reason, SessionStatus

M = TypeVar("M", bound=WireModel)

SCAN_BATCH: Final = 500

_LINKED: Final = frozenset({SessionStatus.CONNECTED, SessionStatus.RECONNECTING})
_LINKING: Final = frozenset(
    {
        SessionStatus.QUEUED,
        SessionStatus.CONNECTING,
        SessionStatus.QR,
        SessionStatus.PAIRING,
        SessionStatus.LINKING,
    }
)


@dataclass(frozen=True, slots=True)
class PresentState:
    """What a page that comes now is to be shown; each is None when there is none.

    ``owner_lost``: the writer of the snapshot is gone, and that changed what is true.
    """

    snapshot: Snapshot | None
    qr: LiveQr | None
    code: LiveCode | None
    owner_lost: bool = False


def _nobody(_process_id: str) -> bool:
    return False


class Snapshots:
    """Every method may raise redis.exceptions.RedisError.

    What a process that is ``lost`` has written is not believed, and no QR or code of it is given:
    nobody would answer the phone. Without ``lost`` everything is given as it was written.
    """

    def __init__(self, redis: Redis, lost: Callable[[str], bool] = _nobody) -> None:
        self._redis = redis
        self._lost = lost

    async def present_state(self, session_id: SessionId) -> PresentState:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.session_snapshot(session_id))
            pipe.get(keys.live_qr(session_id))
            pipe.get(keys.live_code(session_id))
            fields, qr, code = await pipe.execute()
        snapshot = Snapshot.from_hash(fields)
        if snapshot is not None and self._lost(snapshot.process_id):
            told = without_owner(snapshot)
            return PresentState(told, None, None, owner_lost=told is not snapshot)
        return PresentState(snapshot, _read(LiveQr, qr), _read(LiveCode, code))

    async def all(self) -> AsyncIterator[Snapshot]:
        """Every snapshot there is, in no order; one that changes meanwhile may come twice."""
        pattern, cursor = keys.session_snapshot(SessionId("company_*")), 0
        while True:
            cursor, found = await self._redis.scan(
                cursor, match=pattern, count=SCAN_BATCH, _type="hash"
            )
            for snapshot in await self._read_hashes([str(name) for name in found]):
                yield without_owner(snapshot) if self._lost(snapshot.process_id) else snapshot
            if not cursor:
                return

    async def _read_hashes(self, names: list[str]) -> list[Snapshot]:
        """In one round trip: there are thousands."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(name)
            read = [Snapshot.from_hash(fields) for fields in await pipe.execute()]
        return [snapshot for snapshot in read if snapshot is not None]


def without_owner(snapshot: Snapshot) -> Snapshot:
    """What is true when its writer has ended: a link waits for the next owner, an attempt is over.

    Whatever had ended before stays as it was.
    """
    if snapshot.status in _LINKED or (
        snapshot.status is SessionStatus.LINKING and snapshot.phone_number is not None
    ):
        status = SessionStatus.RECONNECTING
    elif snapshot.status in _LINKING:
        status = SessionStatus.ERROR
    else:
        return snapshot
    changes = {
        "status": status,
        "reason": Reason.OWNER_LOST,
        "connected": False,
        "queue_position": None,
        "logged_in": False,
        "socket_alive": False,
        "connected_since": None,
        "retry_at": None,
    }
    return snapshot.model_copy(update=changes)


def _read(kind: type[M], value: str | None) -> M | None:
    try:
        return kind.model_validate_json(value) if value else None
    except ValidationError:
        return None
