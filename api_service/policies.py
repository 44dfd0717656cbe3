"""What the parts of the process are given of its settings."""

from limits.aio.storage import RedisStorage
from redis.asyncio import Redis

from api_service.core.limits import LimitPolicy
from api_service.settings import ApiSettings
from api_service.store.breaker_record import BreakerPolicy
from api_service.store.call_budget import BudgetPolicy
from api_service.yclients.access import Access
from shared.bus import keys


def limit_storage(redis: Redis) -> RedisStorage:
    """On our own pool: its deadlines hold here as well."""
    return RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix=keys.rate_limit_prefix(),
        connection_pool=redis.connection_pool,  # type: ignore[arg-type]  # a pool is documented
    )


def limit_policy(settings: ApiSettings) -> LimitPolicy:
    return LimitPolicy(
        connections_per_token_per_minute=settings.connections_per_token_per_minute,
        connections_per_address_per_minute=settings.connections_per_address_per_minute,
        codes_per_number_per_10_minutes=settings.codes_per_number_per_10_minutes,
        codes_per_salon_per_hour=settings.codes_per_salon_per_hour,
        admin_requests_per_minute=settings.admin_requests_per_minute,
        webhooks_per_salon_per_minute=settings.webhooks_per_salon_per_minute,
        collected_per_address_per_minute=settings.collected_per_address_per_minute,
    )


def qr_breaker_policy(settings: ApiSettings) -> BreakerPolicy:
    return BreakerPolicy(
        failures=settings.breaker_failures,
        successes=settings.breaker_successes,
        cool_down_s=settings.breaker_cool_down_s,
        operation_s=settings.breaker_operation_s,
    )


def yclients_breaker_policy(settings: ApiSettings) -> BreakerPolicy:
    """A trial is over when a call is."""
    return BreakerPolicy(
        failures=settings.yclients_breaker_failures,
        cool_down_s=settings.yclients_breaker_cool_down_s,
        operation_s=settings.yclients_call_s,
    )


def yclients_access(settings: ApiSettings) -> Access:
    return Access(
        marketplace_url=settings.marketplace_url,
        partner_token=settings.yclients_partner_token.get_secret_value(),
        application_id=settings.yclients_app_id,
        accept=settings.yclients_accept,
        ca_bundle=settings.yclients_ca_bundle,
        call_s=settings.yclients_call_s,
    )


def call_budget_policy(settings: ApiSettings) -> BudgetPolicy:
    return BudgetPolicy(settings.yclients_calls_per_second, settings.yclients_calls_per_minute)
