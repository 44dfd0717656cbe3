"""Which notifications are known already, in Redis: quicker than the row that decides."""

from typing import Final

from redis.asyncio import Redis

from shared.bus import keys

REMEMBER_S: Final = 48 * 3600


class WebhookMarks:
    """Every method may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def known_as(self, idempotency_key: str) -> str | None:
        """The id of the notification. None says nothing."""
        value = await self._redis.get(keys.webhook_done(idempotency_key))
        return None if value is None else str(value)

    async def remember(self, idempotency_key: str, webhook_id: str) -> None:
        """Only when its row is there."""
        key = keys.webhook_done(idempotency_key)
        await self._redis.set(key, webhook_id, ex=REMEMBER_S)

    async def forget(self, idempotency_key: str) -> None:
        await self._redis.delete(keys.webhook_done(idempotency_key))
