"""Answers to commands that no session of this process carries out."""

from shared.bus.announcement import Announcement
from shared.bus.publisher import Publisher
from shared.bus.snapshots import Snapshots
from shared.errors import ErrorCode
from shared.messages.commands import Command, RequestPairingCode, RequestQr
from shared.messages.events import (
    AnySessionEvent,
    CommandResult,
    PairingCodeError,
    StatusChanged,
)
from shared.messages.snapshot import Snapshot
from shared.messages.status import Reason, SessionStatus
from whatsapp_service.sessions.state import LINKED


class Refusals:
    """Told in the name of the session's last owner, whose snapshot stays as it is."""

    def __init__(self, publisher: Publisher, snapshots: Snapshots) -> None:
        self._publisher = publisher
        self._snapshots = snapshots

    async def tell(self, command: Command, code: ErrorCode) -> None:
        """Raises redis.exceptions.RedisError.

        The sender of a command that is too late has told the page long ago. A page that waits is
        told why nothing comes, unless the salon is linked: then nothing is to come.
        """
        present = await self._snapshots.present_state(command.company_id)
        snapshot = present.snapshot or Snapshot(
            company_id=command.company_id, status=SessionStatus.IDLE
        )
        if code is ErrorCode.SERVICE_UNAVAILABLE:
            self._tell_page(command, snapshot, code)
        self._say(
            snapshot,
            CommandResult(
                company_id=command.company_id,
                epoch=snapshot.epoch,
                command_id=command.command_id,
                success=False,
                code=code,
            ),
        )

    def _tell_page(self, command: Command, snapshot: Snapshot, code: ErrorCode) -> None:
        about = {"company_id": command.company_id, "epoch": snapshot.epoch}
        if isinstance(command, RequestPairingCode):
            error = PairingCodeError(**about, code=code, command_id=command.command_id)
            self._say(snapshot, error)
        elif isinstance(command, RequestQr) and snapshot.status not in _KEPT:
            failed = StatusChanged(
                **about, status=SessionStatus.ERROR, reason=Reason.STORE_UNAVAILABLE
            )
            self._say(snapshot, failed)

    def _say(self, snapshot: Snapshot, event: AnySessionEvent) -> None:
        self._publisher.publish(
            Announcement(snapshot, event, keep_qr=True, keep_code=True, news_only=True)
        )


_KEPT = LINKED | {SessionStatus.FROZEN, SessionStatus.LINKING}
