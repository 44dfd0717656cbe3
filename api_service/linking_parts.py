"""What links, unlinks, freezes and thaws a salon's WhatsApp: a part of the composition root."""

from redis.asyncio import Redis

from api_service import policies
from api_service.core.breaker import Breaker
from api_service.core.code_linking import CodeLinking
from api_service.core.limits import Limits
from api_service.core.linking import SessionLine
from api_service.core.outcomes import Outcomes
from api_service.core.owners import Owners
from api_service.core.qr_linking import QrLinking
from api_service.core.session_orders import SessionOrders
from api_service.core.thawing import Thawing
from api_service.core.unlinking import Unlinking
from api_service.settings import ApiSettings
from api_service.store.breaker_record import BreakerRecord
from api_service.store.expiring_lock import ExpiringLock
from shared.bus import keys
from shared.bus.commands import CommandSender
from shared.bus.heartbeat import Heartbeats
from shared.bus.snapshots import Snapshots


class LinkingParts:
    def __init__(self, settings: ApiSettings, redis: Redis) -> None:
        self.owners = Owners(Heartbeats(redis))
        self.snapshots = Snapshots(redis, self.owners.lost)
        self.outcomes = Outcomes()
        self.limits = Limits(
            policies.limit_storage(redis),
            policies.limit_policy(settings),
            settings.jwt_secret.get_secret_value(),
        )
        line = SessionLine(self.owners, CommandSender(redis), self.outcomes)
        self.breaker = Breaker(
            BreakerRecord(redis, "qr-generation", policies.qr_breaker_policy(settings))
        )
        self.qr_linking = QrLinking(self.snapshots, line, self.breaker, settings.qr_deadline_s)
        self.code_linking = CodeLinking(
            self.snapshots,
            line,
            ExpiringLock(redis, keys.pairing_lock),
            self.limits,
            settings.code_deadline_s,
        )
        self.orders = SessionOrders(line)
        self.unlinking = Unlinking(self.orders)
        self.thawing = Thawing(self.orders)
