"""A fresh onboarding link for a salon whose owner is to link again."""

import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from api_service.core.admin.audit import Audit
from api_service.core.signature import MarketplaceUser
from api_service.core.tokens import LIFETIME_S, Tokens
from api_service.store.activations import IntegrationStatus
from api_service.store.admin_audit import Actor, Deed
from api_service.store.invitations import Invited, whom_to_invite
from shared.company_id import SalonId
from shared.db import Connection, Pool, in_transaction
from shared.errors import AppError, ErrorCode

_CLOSED: Final[dict[str, ErrorCode]] = {
    IntegrationStatus.UNINSTALLED: ErrorCode.SALON_NOT_CONNECTED,
    IntegrationStatus.FROZEN: ErrorCode.SALON_FROZEN,
}


@dataclass(frozen=True, slots=True)
class Invitation:
    """``url`` lets whoever has it link the salon: never log it. ``expires_at``: epoch seconds."""

    url: str
    expires_at: int


class Invitations:
    """``public_url``: without a slash at its end; empty, the link is a path of this server."""

    def __init__(self, database: Pool, tokens: Tokens, audit: Audit, public_url: str) -> None:
        self._database = database
        self._tokens = tokens
        self._audit = audit
        self._public_url = public_url

    async def invite(self, actor: Actor, salon_id: SalonId) -> Invitation:
        """Good for an hour. Every other link of the salon stays good, too.

        Raises AppError: NOT_FOUND, SALON_NOT_CONNECTED, SALON_FROZEN, NOT_CONFIGURED; and what the
        database raises.
        """

        async def work(connection: Connection) -> Invitation:
            invited = await whom_to_invite(connection, salon_id)
            if invited is None:
                raise AppError(ErrorCode.NOT_FOUND)
            if (refusal := _CLOSED.get(invited.status)) is not None:
                raise AppError(refusal)
            invitation = self._invitation(salon_id, invited)
            deed = Deed("invitation", salon_id, {"status": invited.status})
            await self._audit.note(connection, actor, deed)
            return invitation

        return await in_transaction(self._database, work)

    def _invitation(self, salon_id: SalonId, invited: Invited) -> Invitation:
        """The token is as a redirect of YClients makes it."""
        contact, title = invited.contact, invited.title or f"Филиал {salon_id}"
        user = MarketplaceUser(
            contact.user_id, contact.name, contact.phone, contact.email, invited.title
        )
        expires_at = int(time.time()) + LIFETIME_S
        token = self._tokens.issue(invited.company_id, salon_id, title, user.as_claims())
        path = f"/marketplace/onboarding?token={quote(token)}"
        return Invitation(f"{self._public_url}{path}", expires_at)
