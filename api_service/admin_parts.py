"""Wiring of the admin API."""

from collections.abc import Mapping

from starlette.routing import BaseRoute

from api_service.core.admin.audit import Audit
from api_service.core.admin.marketplace import Marketplace
from api_service.core.admin.operators import Operators
from api_service.core.admin.salons import SalonDesk
from api_service.core.breaker import Breaker
from api_service.core.limits import Limits
from api_service.core.session_report import SessionReport
from api_service.settings import ApiSettings
from api_service.web.admin.audit import AdminAudit
from api_service.web.admin.breakers import AdminBreakers
from api_service.web.admin.guard import Guard
from api_service.web.admin.payments import AdminPayments
from api_service.web.admin.salons import AdminSalons
from api_service.yclients.client import Yclients
from shared.db import Pool


class AdminParts:
    """``breakers``: by their names on the wire."""

    def __init__(
        self,
        settings: ApiSettings,
        database: Pool,
        limits: Limits,
        sessions: SessionReport,
        breakers: Mapping[str, Breaker],
        yclients: Yclients,
    ) -> None:
        audit = Audit(database)
        guard = Guard(Operators(database, settings.admin_token.get_secret_value()), limits)
        self._rooms = (
            AdminSalons(guard, SalonDesk(database, sessions, audit)),
            AdminPayments(guard, Marketplace(database, yclients, audit)),
            AdminBreakers(guard, breakers, audit),
            AdminAudit(guard, audit),
        )

    @property
    def routes(self) -> list[BaseRoute]:
        return [route for room in self._rooms for route in room.routes]
