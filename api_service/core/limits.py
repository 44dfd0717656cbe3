"""Limits that all API processes share: connections by token and address, codes by number and salon.

What is counted is named by a keyed hash: no token, address or number is written to Redis.
"""

import hashlib
import hmac
import math
import time
from dataclasses import dataclass

import structlog
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from shared.company_id import SalonId, SessionId
from shared.errors import AppError, ErrorCode
from shared.phone import PhoneNumber

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    connections_per_token_per_minute: int = 5
    connections_per_address_per_minute: int = 60
    codes_per_number_per_10_minutes: int = 3
    codes_per_salon_per_hour: int = 10
    admin_requests_per_minute: int = 100
    webhooks_per_salon_per_minute: int = 10
    collected_per_address_per_minute: int = 60


@dataclass(frozen=True, slots=True)
class Allowance:
    """``resets_at``: seconds since the epoch when the oldest request is forgotten."""

    admitted: bool
    limit: int
    remaining: int
    resets_at: int

    @property
    def retry_after_s(self) -> int:
        return max(1, math.ceil(self.resets_at - time.time()))


class Limits:
    """Every method may raise redis.exceptions.RedisError."""

    def __init__(self, storage: RedisStorage, policy: LimitPolicy, secret: str) -> None:
        self._limiter = MovingWindowRateLimiter(storage)
        self._secret = secret.encode()
        self._by_token = RateLimitItemPerMinute(policy.connections_per_token_per_minute, 1, "token")
        self._by_address = RateLimitItemPerMinute(
            policy.connections_per_address_per_minute, 1, "address"
        )
        self._by_number = RateLimitItemPerMinute(
            policy.codes_per_number_per_10_minutes, 10, "number"
        )
        self._by_admin = RateLimitItemPerMinute(policy.admin_requests_per_minute, 1, "admin")
        self._by_salon = RateLimitItemPerHour(policy.codes_per_salon_per_hour, 1, "salon")
        self._webhooks = RateLimitItemPerMinute(policy.webhooks_per_salon_per_minute, 1, "webhook")
        self._collected = RateLimitItemPerMinute(
            policy.collected_per_address_per_minute, 1, "collected"
        )

    async def admit_connection_from(self, address: str) -> None:
        """Count a connection. Raises AppError(TOO_MANY_CONNECTIONS, retry_after)."""
        await self._admit(self._by_address, address)

    async def admit_connection_with(self, token: str) -> None:
        """Count a connection. Raises AppError(TOO_MANY_CONNECTIONS, retry_after)."""
        await self._admit(self._by_token, token)

    async def count_admin_request(self, address: str) -> Allowance:
        name = self.name_of(address)
        admitted = await self._limiter.hit(self._by_admin, name)
        window = await self._limiter.get_window_stats(self._by_admin, name)
        return Allowance(
            admitted, self._by_admin.amount, window.remaining, math.ceil(window.reset_time)
        )

    async def admit_webhook(self, salon_id: SalonId) -> bool:
        """Count a lifecycle notification; whether it may be done at once."""
        return await self._limiter.hit(self._webhooks, self.name_of(str(salon_id)))

    async def admit_collected(self, address: str) -> bool:
        """Count an unknown notification; whether it may be kept."""
        return await self._limiter.hit(self._collected, self.name_of(address))

    async def require_code_allowed(self, session_id: SessionId, phone: PhoneNumber) -> None:
        """Counts nothing. Raises AppError(RATE_LIMITED, retry_after)."""
        for item, subject in ((self._by_number, phone), (self._by_salon, session_id)):
            name = self.name_of(subject)
            if not await self._limiter.test(item, name):
                raise AppError(
                    ErrorCode.RATE_LIMITED, retry_after=await self._retry_after(item, name)
                )

    async def count_code(self, session_id: SessionId, phone: PhoneNumber) -> None:
        """WhatsApp was asked for a code."""
        await self._limiter.hit(self._by_number, self.name_of(phone))
        await self._limiter.hit(self._by_salon, self.name_of(session_id))

    async def _admit(self, item: RateLimitItem, subject: str) -> None:
        name = self.name_of(subject)
        if not await self._limiter.hit(item, name):
            _log.warning("connection_limit_reached", limit=item.namespace)
            raise AppError(
                ErrorCode.TOO_MANY_CONNECTIONS, retry_after=await self._retry_after(item, name)
            )

    async def _retry_after(self, item: RateLimitItem, name: str) -> int:
        window = await self._limiter.get_window_stats(item, name)
        return max(1, math.ceil(window.reset_time - time.time()))

    def name_of(self, subject: str) -> str:
        """What stands for it in Redis."""
        return hmac.new(self._secret, subject.encode(), hashlib.sha256).hexdigest()[:32]
