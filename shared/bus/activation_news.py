"""News of activations between API processes. What is missed is read from Postgres by pages."""

from collections.abc import Awaitable, Callable

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.bus import keys
from shared.bus.listener import ChannelListener, OnSubscribed
from shared.company_id import SalonId
from shared.messages.marketplace import ActivationNews

_log = structlog.get_logger(__name__)

OnNews = Callable[[ActivationNews], Awaitable[None]]


class ActivationAnnouncer:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def announce(self, salon_id: SalonId, status: str) -> None:
        """Tell every API process; nothing is raised when Redis is away."""
        news = ActivationNews(salon_id=salon_id, status=status)
        try:
            await self._redis.publish(keys.ACTIVATION_CHANNEL, news.to_json())
        except (RedisError, OSError) as error:
            _log.warning("activation_not_announced", error=type(error).__name__)


def activation_listener(
    redis: Redis, on_news: OnNews, on_subscribed: OnSubscribed
) -> ChannelListener:
    """``on_subscribed`` runs after each subscription: what was told before it is not known."""

    async def take(_channel: str, payload: str) -> None:
        news = ActivationNews.from_json(payload)
        if news is None:
            _log.warning("activation_news_invalid")
        else:
            await on_news(news)

    return ChannelListener(redis, [keys.ACTIVATION_CHANNEL], take, on_subscribed=on_subscribed)
