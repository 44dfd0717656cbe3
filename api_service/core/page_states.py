"""What a page is to be shown of a session: what the session says, unless its salon has moved on."""

from dataclasses import replace
from typing import Final

from api_service.core.standing import Standing
from api_service.store.activations import IntegrationStatus
from shared.bus.snapshots import PresentState, Snapshots
from shared.company_id import SessionId, salon_id_of
from shared.messages.status import Reason, SessionStatus

_NOTHING_LINKED: Final = {"status": SessionStatus.IDLE, "reason": None}


class PageStates:
    """A session says `uninstalled` until it is linked anew; its salon may be back long since.

    Only then its owner is to be offered the linking, and not the way back to YClients.
    """

    def __init__(self, snapshots: Snapshots, standing: Standing) -> None:
        self._snapshots = snapshots
        self._standing = standing

    async def present_state(self, session_id: SessionId) -> PresentState:
        """Raises redis.exceptions.RedisError."""
        state = await self._snapshots.present_state(session_id)
        if state.snapshot is None or state.snapshot.reason is not Reason.UNINSTALLED:
            return state
        salon = await self._standing.of(salon_id_of(session_id))
        if salon is None or salon.status is IntegrationStatus.UNINSTALLED:
            return state
        return replace(state, snapshot=state.snapshot.model_copy(update=_NOTHING_LINKED))
