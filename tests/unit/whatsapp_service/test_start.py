"""A start at which Redis is away for a while."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from shared.bus.snapshots import Snapshots
from shared.company_id import SessionId
from shared.messages.snapshot import Snapshot
from shared.messages.status import Reason, SessionStatus
from tests.support.session_stage import Stage
from whatsapp_service.sessions import supervisor as supervisor_module
from whatsapp_service.sessions.supervisor import Supervisor

LINKING, FROZEN = SessionId("company_1002"), SessionId("company_1003")


class LeftBehind(Snapshots):
    """Of a process that was killed; Redis is away at first."""

    def __init__(self) -> None:
        self.tries = 0

    async def all(self) -> AsyncIterator[Snapshot]:
        self.tries += 1
        yield Snapshot(company_id=LINKING, status=SessionStatus.QR)
        if self.tries < 3:
            raise RedisConnectionError
        yield Snapshot(company_id=FROZEN, status=SessionStatus.FROZEN)


async def test_orphans_end_as_soon_as_redis_is_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the freeze of a salon whose thaw was recorded and not told."""
    monkeypatch.setattr(supervisor_module, "BUS_RETRY_S", 0.01)
    snapshots = LeftBehind()
    supervisor = Supervisor(stage.services, snapshots, restore_concurrency=1)

    await asyncio.wait_for(supervisor.restore(), 5)

    told = {said.snapshot.company_id: said.snapshot for said in stage.heard.said}
    assert (told[LINKING].status, told[LINKING].reason) == (
        SessionStatus.QR_EXPIRED,
        Reason.SERVICE_STOPPED,
    )
    assert told[FROZEN].status is SessionStatus.IDLE
    assert snapshots.tries == 3
    await supervisor.stop()
