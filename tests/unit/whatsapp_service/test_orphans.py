"""What killed processes have left in Redis, looked after while Redis is away for a while."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from shared.bus.commands import CommandSender
from shared.bus.snapshots import Snapshots
from shared.company_id import SessionId
from shared.messages.snapshot import Snapshot
from shared.messages.status import Reason, SessionStatus
from tests.support.session_stage import PROCESS_ID, Stage
from whatsapp_service.owners.lease import Lease, Peers
from whatsapp_service.sessions.orphans import Orphans
from whatsapp_service.sessions.supervisor import Supervisor
from whatsapp_service.store.processes import Process
from whatsapp_service.store.registry import Registry
from whatsapp_service.store.sessions import Tenure

LINKING, FROZEN, LINKED, OF_ANOTHER, TAKEN = (
    SessionId(f"company_{number}") for number in range(1002, 1007)
)
ANOTHER = "another that lives"


class LeftBehind(Snapshots):
    """Of a process that was killed; Redis is away at first."""

    def __init__(self) -> None:
        self.tries = 0

    async def all(self) -> AsyncIterator[Snapshot]:
        self.tries += 1
        yield Snapshot(company_id=LINKING, status=SessionStatus.QR, process_id="killed")
        yield Snapshot(company_id=LINKED, status=SessionStatus.CONNECTED, process_id="killed")
        yield Snapshot(company_id=OF_ANOTHER, status=SessionStatus.QR, process_id=ANOTHER)
        yield Snapshot(company_id=TAKEN, status=SessionStatus.QR, process_id="killed")
        if self.tries < 3:
            raise RedisConnectionError
        yield Snapshot(company_id=FROZEN, status=SessionStatus.FROZEN, process_id="killed")


class Rows(Registry):
    """Whatever is asked for can be had, but what somebody else has taken."""

    def __init__(self) -> None:
        """No database."""

    async def linked_or_frozen(self) -> set[SessionId]:
        return {LINKED}

    async def take(self, session_id: SessionId, process_id: str) -> Tenure | None:
        return None if session_id == TAKEN else Tenure(session_id, process_id, 8)


class Buried(Lease):
    def __init__(self) -> None:
        self.process_id = PROCESS_ID
        self.buried = asyncio.Event()
        self.buried.set()


class Silence(CommandSender):
    def __init__(self) -> None:
        """Nothing is sent."""


@pytest.fixture
async def supervisor(stage: Stage) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(stage.services, Rows(), Buried())
    yield supervisor
    await supervisor.stop()


async def test_orphans_end_as_soon_as_redis_is_back(stage: Stage, supervisor: Supervisor) -> None:
    """Also the freeze of a salon whose thaw was recorded and not told. Nothing else is touched."""
    snapshots, lease = LeftBehind(), Buried()
    orphans = Orphans(lease, Rows(), supervisor, snapshots, stage.services.half_links, Silence())
    me = Process(PROCESS_ID, "machine", 1, 1, draining=False, sessions=0, silent_s=0)
    peers = Peers(me, (), (), frozenset({PROCESS_ID, ANOTHER}), 0, 0)

    looks = 0
    with capture_logs() as logs:
        while lease.buried.is_set():
            await orphans.look_after(peers)
            looks += 1

    assert looks == snapshots.tries == 3
    told = {said.snapshot.company_id: said.snapshot for said in stage.heard.said}
    assert set(told) == {LINKING, FROZEN}
    assert (told[LINKING].status, told[LINKING].reason) == (
        SessionStatus.QR_EXPIRED,
        Reason.SERVICE_STOPPED,
    )
    assert told[FROZEN].status is SessionStatus.IDLE
    assert told[FROZEN].epoch == 8
    changes = [log["company_id"] for log in logs if log["event"] == "session_changed"]
    assert set(changes) == {LINKING}
