"""What dead processes have left behind: snapshots that are not true any more, and half links."""

import time
from typing import Final

import structlog

from shared.bus.commands import CommandSender
from shared.bus.connection import BusError
from shared.bus.snapshots import Snapshots
from shared.messages.snapshot import Snapshot
from shared.messages.status import Reason, SessionStatus
from whatsapp_service.owners.lease import Lease, Peers
from whatsapp_service.sessions.half_links import HalfLinks
from whatsapp_service.sessions.handover import tell_to_adopt
from whatsapp_service.sessions.session import Session
from whatsapp_service.sessions.state import LINKED, LINKING, LinkAsked, LinkFailed, State
from whatsapp_service.sessions.supervisor import Supervisor
from whatsapp_service.store.registry import Registry

_log = structlog.get_logger(__name__)

HALF_LINKS_EVERY_S: Final = 30.0

_HELD: Final = LINKING | LINKED | {SessionStatus.FROZEN}
"""Statuses that are true only while a process holds the session."""


class Orphans:
    """Every method may raise StoreUnavailableError."""

    def __init__(
        self,
        lease: Lease,
        registry: Registry,
        supervisor: Supervisor,
        snapshots: Snapshots,
        half_links: HalfLinks,
        sender: CommandSender,
    ) -> None:
        self._lease = lease
        self._registry = registry
        self._supervisor = supervisor
        self._snapshots = snapshots
        self._half_links = half_links
        self._sender = sender
        self._half_links_due = 0.0

    async def look_after(self, peers: Peers) -> None:
        """At the start, after each death, and half links now and then."""
        buried = self._lease.buried.is_set()
        if buried or time.monotonic() >= self._half_links_due:
            self._half_links_due = time.monotonic() + HALF_LINKS_EVERY_S
            for session_id in await self._half_links.claim_left_behind():
                await tell_to_adopt(self._sender, session_id)
        if buried and await self._end_snapshots(peers):
            self._lease.buried.clear()

    async def _end_snapshots(self, peers: Peers) -> bool:
        """False when Redis has not told all of them.

        Pages see at once that theirs has ended, and ask again. A salon whose thaw was recorded and
        not told is told now.
        """
        stored = await self._registry.linked_or_frozen()
        try:
            async for snapshot in self._snapshots.all():
                if (
                    snapshot.status in _HELD
                    and snapshot.company_id not in stored
                    and snapshot.process_id not in peers.known
                ):
                    await self._end(snapshot)
        except BusError as error:
            _log.warning("orphans_not_ended", error=type(error).__name__)
            return False
        return True

    async def _end(self, snapshot: Snapshot) -> None:
        session_id = snapshot.company_id
        if session_id in self._supervisor:
            return
        tenure = await self._registry.take(session_id, self._lease.process_id)
        if tenure is not None:
            _tell_end(self._supervisor.open(tenure), snapshot.status)


def _tell_end(session: Session, shown: SessionStatus) -> None:
    if session.state != State():
        return
    if shown is SessionStatus.FROZEN:
        session.voice.status(session.state)
    else:
        session.apply(LinkAsked())
        session.apply(LinkFailed(Reason.SERVICE_STOPPED))
