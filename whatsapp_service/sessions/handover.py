"""Sessions go from one living process to another: closed here, owned there, opened there.

Without Redis nothing can be said of them, and nothing waits for it: their next owner finds them at
its next look, within 3 s, and what we still had to say is dropped as stale when we can say it.
"""

import asyncio
import contextlib
from typing import Final

import structlog
from prometheus_client import Counter

from shared.bus.commands import CommandSender
from shared.bus.connection import BusError
from shared.bus.publisher import Publisher
from shared.bus.snapshots import Snapshots
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.messages.commands import Adopt
from shared.messages.envelope import new_id
from shared.messages.status import SessionStatus
from whatsapp_service.owners.lease import Lease
from whatsapp_service.sessions.session import Session
from whatsapp_service.sessions.supervisor import Supervisor
from whatsapp_service.store.directory import StoreUnavailableError
from whatsapp_service.store.registry import Registry
from whatsapp_service.store.sessions import Tenure

_log = structlog.get_logger(__name__)
_handed_over = Counter("sessions_handed_over_total", "Sessions given to a process that lives")

AT_ONCE: Final = 3
CLOSE_S: Final = 15.0
"""The library waits 5 s for the other end of a dark line, and for others' turns."""
FLUSH_S: Final = 1.0
"""What we still have to say of a session is said before its next owner says anything."""
ADOPT_MS: Final = 20_000
OPENED_S: Final = 3.0
LOOK_EVERY_S: Final = 0.05


class Handover:
    def __init__(
        self,
        lease: Lease,
        registry: Registry,
        supervisor: Supervisor,
        sender: CommandSender,
        publisher: Publisher,
        snapshots: Snapshots,
    ) -> None:
        self._lease = lease
        self._registry = registry
        self._supervisor = supervisor
        self._sender = sender
        self._publisher = publisher
        self._snapshots = snapshots
        self._given: dict[str, int] = {}
        self._unfit: set[str] = set()
        """Took none, though the last look showed them: they have left or are leaving."""

    async def all(self) -> None:
        """Every session that can be moved, a few at a time; returns early without an heir.

        What is in the middle of a link attempt stays until that is over.
        """
        self._given.clear()
        self._unfit.clear()
        slots = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for session in self._supervisor:
                await slots.acquire()
                if self._heir() is None:
                    break
                task = tasks.create_task(self.one(session))
                task.add_done_callback(lambda _: slots.release())

    async def one(self, session: Session) -> None:
        """To the least loaded process. What nobody needs is let go.

        One that was just taken and has not asked for its device yet may be needed.
        """
        if session.recalled and session.device is None and not session.frozen:
            if session.retirable:
                await self._supervisor.retire(session)
            return
        if self._heir() is not None and session.movable:
            await self._move(session)

    async def _move(self, session: Session) -> None:
        given = False

        async def give() -> None:
            nonlocal given
            given = await self._give(session)

        await self._supervisor.let_go(session, give)
        if given and self._lease.others_hear_us:
            await self._opened_there(session.tenure)

    async def _opened_there(self, tenure: Tenure) -> None:
        """Others stay open here meanwhile, rather than wait there, closed, for their turn."""
        with contextlib.suppress(BusError, TimeoutError):
            async with asyncio.timeout(OPENED_S):
                while not await self._is_opened(tenure):  # noqa: ASYNC110 - it happens elsewhere
                    await asyncio.sleep(LOOK_EVERY_S)

    async def _is_opened(self, tenure: Tenure) -> bool:
        snapshot = (await self._snapshots.present_state(tenure.session_id)).snapshot
        if snapshot is None or snapshot.epoch <= tenure.epoch:
            return False
        return snapshot.status is not SessionStatus.RECONNECTING or snapshot.reason is not None

    async def _give(self, session: Session) -> bool:
        """When it fails, the session is still ours, and is opened anew at the next look."""
        await session.stop(CLOSE_S)
        if session.closing:
            _log.warning("session_still_open", company_id=session.session_id)
            return False
        if self._lease.others_hear_us:
            await self._publisher.flush(FLUSH_S)
        try:
            heir = await self._find_heir(session.tenure)
        except StoreUnavailableError:
            heir = None
        if heir is None:
            _log.warning("session_not_handed_over", company_id=session.session_id)
            return False
        _handed_over.inc()
        if self._lease.others_hear_us:
            await tell_to_adopt(self._sender, session.session_id, heir)
        return True

    async def _find_heir(self, tenure: Tenure) -> str | None:
        """Who owns it now; None when nobody would. Raises StoreUnavailableError."""
        while (heir := self._heir()) is not None:
            self._given[heir] = self._given.get(heir, 0) + 1
            if await self._registry.hand_over(tenure, heir):
                return heir
            self._unfit.add(heir)
        return None

    def _heir(self) -> str | None:
        """The least loaded."""
        peers = self._lease.peers
        fit = [it for it in peers.heirs if it.process_id not in self._unfit] if peers else []
        if not fit:
            return None
        least = min(fit, key=lambda it: it.sessions + self._given.get(it.process_id, 0))
        return least.process_id


async def tell_to_adopt(
    sender: CommandSender, session_id: SessionId, heir: str | None = None
) -> None:
    """Without ``heir``, whoever owns it. What does not arrive is found at the next look."""
    now = now_ms()
    command = Adopt(
        command_id=new_id(), company_id=session_id, issued_at=now, expires_at=now + ADOPT_MS
    )
    try:
        await (sender.send(command) if heir is None else sender.send_to(heir, command))
    except BusError as error:
        _log.warning("adoption_not_told", error=type(error).__name__)
