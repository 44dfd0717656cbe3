"""Wiring of the admin API: a part of the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.routing import BaseRoute

from api_service.core.admin.aside_desk import AsideDesk
from api_service.core.admin.audit import Audit
from api_service.core.admin.disconnecting import Disconnecting
from api_service.core.admin.invitations import Invitations
from api_service.core.admin.marketplace import Marketplace
from api_service.core.admin.operators import Operators
from api_service.core.admin.salons import SalonDesk
from api_service.core.admin.webhook_desk import WebhookDesk
from api_service.core.breaker import Breaker
from api_service.core.limits import Limits
from api_service.core.session_report import SessionReport
from api_service.core.tokens import Tokens
from api_service.store.kept_notifications import KeptNotifications
from api_service.web.admin.audit import AdminAudit
from api_service.web.admin.breakers import AdminBreakers
from api_service.web.admin.guard import Guard
from api_service.web.admin.invitations import AdminInvitations
from api_service.web.admin.payments import AdminPayments
from api_service.web.admin.salons import AdminSalons
from api_service.web.admin.set_aside import AdminSetAside
from api_service.web.admin.webhooks import AdminWebhooks
from api_service.yclients.client import Yclients
from shared.db import Pool


@dataclass(frozen=True, slots=True)
class AdminNeeds:
    """``breakers``: by their names on the wire; ``wake`` the queue of notifications.

    ``kept``: notifications that only Redis has.
    """

    database: Pool
    limits: Limits
    sessions: SessionReport
    breakers: Mapping[str, Breaker]
    yclients: Yclients
    tokens: Tokens
    public_url: str
    wake: Callable[[], None]
    kept: KeptNotifications


class AdminParts:
    def __init__(self, environment_token: str, needs: AdminNeeds) -> None:
        database, yclients, wake = needs.database, needs.yclients, needs.wake
        audit = Audit(database)
        guard = Guard(Operators(database, environment_token), needs.limits)
        disconnecting = Disconnecting(database, yclients, audit, wake)
        invitations = Invitations(database, needs.tokens, audit, needs.public_url)
        self._rooms = (
            AdminSalons(guard, SalonDesk(database, needs.sessions, audit), disconnecting),
            AdminInvitations(guard, invitations),
            AdminPayments(guard, Marketplace(database, yclients, audit)),
            AdminWebhooks(guard, WebhookDesk(database, audit, wake)),
            AdminSetAside(guard, AsideDesk(needs.kept, audit)),
            AdminBreakers(guard, needs.breakers, audit),
            AdminAudit(guard, audit),
        )

    @property
    def routes(self) -> list[BaseRoute]:
        return [route for room in self._rooms for route in room.routes]
