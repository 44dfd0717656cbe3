"""Inviting a salon's owner to link WhatsApp again."""

from datetime import UTC, datetime
from typing import Final

from starlette.routing import BaseRoute

from api_service.core.admin.invitations import Invitations
from api_service.web.admin.guard import Guard, Visit
from api_service.web.admin.models import AdminAnswer
from api_service.web.admin.salons import BY_ID, NO_SALON, salon_id_of
from api_service.web.openapi.operation import Answer, Operation
from shared.errors import ErrorCode

_TAG: Final = "Admin: salons"


class Invited(AdminAnswer):
    """``url`` lets whoever has it link the salon's WhatsApp until ``expires_at``."""

    salon_id: int
    url: str
    expires_at: datetime


class AdminInvitations:
    def __init__(self, guard: Guard, invitations: Invitations) -> None:
        self._guard = guard
        self._invitations = invitations

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            self._guard.changes(
                "/salons/{salon_id}/invitation",
                self._invite,
                Operation(
                    "A fresh onboarding link, for the owner to link WhatsApp again",
                    [Answer(200, "The link; it is good for an hour.", Invited)],
                    _TAG,
                    "As a redirect from YClients would give it. It is recorded that it was given,"
                    " not the link.",
                    path=BY_ID,
                    errors=(
                        *NO_SALON,
                        ErrorCode.SALON_NOT_CONNECTED,
                        ErrorCode.SALON_FROZEN,
                        ErrorCode.NOT_CONFIGURED,
                    ),
                ),
            )
        ]

    async def _invite(self, visit: Visit) -> Invited:
        salon_id = salon_id_of(visit)
        invitation = await self._invitations.invite(visit.actor, salon_id)
        expires_at = datetime.fromtimestamp(invitation.expires_at, UTC)
        return Invited(salon_id=salon_id, url=invitation.url, expires_at=expires_at)
