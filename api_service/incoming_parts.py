"""What takes in and carries out what YClients tells us: a part of the composition root."""

import asyncio
from dataclasses import dataclass, field

from redis.asyncio import Redis
from starlette.routing import BaseRoute

from api_service.core.collector import Collector
from api_service.core.entity_hooks import EntityHooks
from api_service.core.erasing import Erasing
from api_service.core.freezing import Freezing, Paying, Unfreezing
from api_service.core.kept_later import KeptLater
from api_service.core.limits import Limits
from api_service.core.notifications import FREEZE, PAYMENT, THAW, UNINSTALL
from api_service.core.reconciliation import ReconciledMarketplace, Reconciliation
from api_service.core.session_orders import SessionOrders
from api_service.core.thaw_watch import ThawWatch
from api_service.core.uninstalling import Uninstalling
from api_service.core.vault import Vault
from api_service.core.webhook_intake import WebhookIntake
from api_service.core.webhook_queue import WebhookQueue
from api_service.settings import ApiSettings
from api_service.store.kept_notifications import KeptNotifications
from api_service.store.webhook_marks import WebhookMarks
from api_service.web.entity_hooks import EntityHookApi
from api_service.web.webhooks import Webhooks
from shared.bus import keys
from shared.bus.activation_news import ActivationAnnouncer
from shared.bus.connection import BusError
from shared.db import Pool
from shared.lifecycle import BackgroundTasks


@dataclass(frozen=True, slots=True)
class _Application:
    partner_token: str = field(repr=False)
    application_id: int | None


class IncomingParts:
    def __init__(
        self,
        settings: ApiSettings,
        database: Pool,
        redis: Redis,
        marketplace: ReconciledMarketplace,
        orders: SessionOrders,
        limits: Limits,
    ) -> None:
        partner_token = settings.yclients_partner_token.get_secret_value()
        self._application = _Application(partner_token, settings.yclients_app_id)
        marks = WebhookMarks(redis)
        unfreezing = Unfreezing(orders, ActivationAnnouncer(redis).announce)
        self.queue = WebhookQueue(
            database,
            marks,
            {
                UNINSTALL: Uninstalling(
                    orders, marketplace, settings.message_retention_days
                ).carry_out,
                FREEZE: Freezing(orders).carry_out,
                PAYMENT: Paying(database, marketplace, unfreezing, partner_token).carry_out,
                THAW: unfreezing.carry_out,
            },
        )
        kept = KeptNotifications(redis, keys.WEBHOOKS_KEPT, keys.WEBHOOKS_KEPT_MAX_LENGTH)
        kept_hints = KeptNotifications(redis, keys.HINTS_KEPT, keys.HINTS_KEPT_MAX_LENGTH)
        self.kept_webhooks, self.kept = kept, (kept, kept_hints)
        self.intake = WebhookIntake(
            database, marks, kept, limits, self.queue.wake, settings.webhook_patience_s
        )
        self.hooks = EntityHooks(
            database, Vault(settings.vault_keys), kept_hints, settings.webhook_patience_s
        )
        self.collector = Collector(database, partner_token)
        self._collect_limit = CollectLimit(limits)
        self.reconciliation = Reconciliation(database, marketplace, self.queue.wake)
        self._thaw_watch = ThawWatch(database, marketplace, self.queue.wake)
        self._erasing = Erasing(database)
        self._later = (
            KeptLater("webhooks", kept, self.intake),
            KeptLater("hints", kept_hints, self.hooks),
        )

    @property
    def routes(self) -> list[BaseRoute]:
        webhooks = Webhooks(
            self._application, self.intake, self.hooks, self.collector, self._collect_limit
        )
        return [*webhooks.routes, *EntityHookApi(self.hooks).routes]

    def start(self, tasks: BackgroundTasks) -> None:
        tasks.start(self.queue.run(), "webhooks")
        tasks.start(self._thaw_watch.run(), "thaw watch")
        tasks.start(self.reconciliation.run(), "reconciliation")
        tasks.start(self._erasing.run(), "erasing")
        for later in self._later:
            tasks.start(later.run(), "kept notifications")


class CollectLimit:
    """Open while Redis is away: what is kept is bounded anyway."""

    PATIENCE_S = 0.5

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def allows(self, address: str) -> bool:
        try:
            async with asyncio.timeout(self.PATIENCE_S):
                return await self._limits.admit_collected(address)
        except (BusError, OSError, TimeoutError):
            return True
