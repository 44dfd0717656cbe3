"""What all API processes share in Redis: the breaker, the pairing lock, the limits."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest
from limits.aio.storage import RedisStorage
from redis.asyncio import Redis

from api_service.core.breaker import Breaker, Verdict
from api_service.core.limits import LimitPolicy, Limits
from api_service.store.breaker_record import BreakerPolicy, BreakerRecord, BreakerState
from api_service.store.expiring_lock import ExpiringLock
from shared.bus import keys
from shared.bus.connection import connect_redis
from shared.company_id import SessionId
from shared.errors import AppError, ErrorCode
from shared.phone import PhoneNumber
from tests.support.waiting import wait_until

SESSION = SessionId("company_1001")
PHONE = PhoneNumber("79990000001")
PATIENT = BreakerPolicy(cool_down_s=60, operation_s=60)
"""What is to be refused is, however long a busy machine takes to ask."""
BRISK = BreakerPolicy(cool_down_s=0.05, operation_s=60)
"""The cool-down is soon over; a trial lasts."""


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect_redis(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def record(redis: Redis) -> BreakerRecord:
    return BreakerRecord(redis, "test", PATIENT)


@pytest.fixture
def brisk(redis: Redis) -> BreakerRecord:
    """The same breaker."""
    return BreakerRecord(redis, "test", BRISK)


async def test_five_failures_in_a_row_open_the_breaker(record: BreakerRecord) -> None:
    for _ in range(4):
        await record.failed()
    await record.succeeded()
    for _ in range(4):
        await record.failed()
    assert (await record.enter()).admitted
    await record.failed()

    refused = await record.enter()
    assert not refused.admitted
    assert refused.state is BreakerState.OPEN
    assert 0 < refused.wait_ms <= 60_000


async def opened(record: BreakerRecord) -> None:
    for _ in range(5):
        await record.failed()


async def admitted(record: BreakerRecord) -> bool:
    return (await record.enter()).admitted


async def test_after_the_cool_down_one_trial_at_a_time_is_admitted(brisk: BreakerRecord) -> None:
    await opened(brisk)
    await wait_until(lambda: admitted(brisk))

    second = await brisk.enter()
    assert (second.admitted, second.state) == (False, BreakerState.HALF_OPEN)
    await brisk.succeeded()
    assert (await brisk.read()).state is BreakerState.HALF_OPEN
    assert await admitted(brisk)
    await brisk.succeeded()
    assert (await brisk.read()).state is BreakerState.CLOSED


async def test_a_failed_trial_opens_it_again(record: BreakerRecord, brisk: BreakerRecord) -> None:
    await opened(brisk)
    await wait_until(lambda: admitted(brisk))
    await brisk.failed()

    assert (await record.read()).state is BreakerState.OPEN
    await wait_until(lambda: admitted(brisk))
    await brisk.succeeded()
    assert (await brisk.read()).state is BreakerState.HALF_OPEN


async def test_a_trial_whose_process_died_makes_room_for_another(
    redis: Redis, brisk: BreakerRecord
) -> None:
    dying = BreakerRecord(redis, "test", replace(BRISK, operation_s=0.2))
    await opened(brisk)
    await wait_until(lambda: admitted(dying))

    await wait_until(lambda: admitted(brisk))
    assert not await admitted(brisk)


async def test_what_ends_late_does_not_disturb_an_open_breaker(record: BreakerRecord) -> None:
    await opened(record)
    before = (await record.read()).wait_ms
    await record.succeeded()
    await record.failed()
    await record.withdrew()

    after = await record.read()
    assert after.state is BreakerState.OPEN
    assert after.wait_ms <= before


async def test_reset_closes_it_for_everybody(redis: Redis, record: BreakerRecord) -> None:
    other = BreakerRecord(redis, "test", PATIENT)
    await opened(record)
    await Breaker(other).reset()

    assert (await record.read()).state is BreakerState.CLOSED
    assert not await redis.exists(keys.breaker("test"))


async def test_an_operation_without_a_verdict_gives_its_trial_back(brisk: BreakerRecord) -> None:
    breaker = Breaker(brisk)
    await opened(brisk)
    await wait_until(lambda: admitted(brisk))
    await brisk.withdrew()
    with pytest.raises(asyncio.CancelledError):
        async with breaker.operation():
            raise asyncio.CancelledError

    assert await admitted(brisk)


async def test_an_operation_tells_its_verdict(record: BreakerRecord) -> None:
    breaker = Breaker(record)
    for _ in range(5):
        async with breaker.operation() as operation:
            operation.verdict = Verdict.FAILURE

    with pytest.raises(AppError) as refused:
        async with breaker.operation():
            pytest.fail("an open breaker admits nothing")
    assert refused.value.code is ErrorCode.SERVICE_UNAVAILABLE
    assert 0 < int(str(refused.value.context["retry_after"])) <= 60


async def test_many_failures_at_once_open_it_once(record: BreakerRecord) -> None:
    await asyncio.gather(*(record.failed() for _ in range(50)))

    assert (await record.read()).state is BreakerState.OPEN


@pytest.mark.usefixtures("no_leaked_keys")
async def test_no_state_is_kept_for_ever(redis: Redis, record: BreakerRecord) -> None:
    await record.failed()
    await opened(record)
    await ExpiringLock(redis, keys.pairing_lock).acquire(SESSION, "owner", 5)
    await limits(redis).admit_connection_from("192.0.2.1")
    await limits(redis).count_code(SESSION, PHONE)


async def test_the_lock_has_one_owner_who_alone_releases_it(redis: Redis) -> None:
    lock = ExpiringLock(redis, keys.pairing_lock)
    taken = await asyncio.gather(*(lock.acquire(SESSION, f"owner {n}", 30) for n in range(10)))
    assert taken.count(True) == 1

    await lock.release(SESSION, "a stranger")
    assert 0 < await lock.remaining_s(SESSION) <= 30
    await lock.release(SESSION, f"owner {taken.index(True)}")
    assert await lock.remaining_s(SESSION) == 0
    assert await lock.acquire(SESSION, "next", 5)


async def test_whoever_is_cancelled_while_releasing_has_released(redis: Redis) -> None:
    """A Redis that was started anew does not know the script: a release is three questions."""
    lock = ExpiringLock(redis, keys.pairing_lock)
    for steps in range(1, 40, 3):
        await redis.script_flush()
        assert await lock.acquire(SESSION, "owner", 30)
        releasing = asyncio.create_task(lock.release(SESSION, "owner"))
        for _ in range(steps):
            await asyncio.sleep(0)
        releasing.cancel()
        await asyncio.gather(releasing, return_exceptions=True)
        await wait_until(partial(_is_free, lock), what=f"free after {steps} steps")


async def _is_free(lock: ExpiringLock) -> bool:
    return await lock.remaining_s(SESSION) == 0


async def test_a_lock_that_nobody_releases_ends_by_itself(redis: Redis) -> None:
    lock = ExpiringLock(redis, keys.pairing_lock)
    await lock.acquire(SESSION, "killed", 0.05)
    await wait_until(lambda: lock.acquire(SESSION, "next", 30))

    await lock.release(SESSION, "killed")
    assert await lock.remaining_s(SESSION) > 0


def limits(redis: Redis, **policy: int) -> Limits:
    storage = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix=keys.rate_limit_prefix(),
        connection_pool=redis.connection_pool,  # type: ignore[arg-type]  # a pool is documented
    )
    return Limits(storage, LimitPolicy(**policy), "secret")


async def test_connections_at_once_are_counted_exactly(redis: Redis) -> None:
    ours = [limits(redis) for _ in range(3)]
    results = await asyncio.gather(
        *(ours[n % 3].admit_connection_with("token") for n in range(30)), return_exceptions=True
    )

    assert sum(result is None for result in results) == 5
    refused = next(result for result in results if isinstance(result, AppError))
    assert refused.code is ErrorCode.TOO_MANY_CONNECTIONS
    assert 0 < int(str(refused.context["retry_after"])) <= 60


async def test_codes_are_only_counted_when_they_were_asked_for(redis: Redis) -> None:
    ours = limits(redis)
    for _ in range(10):
        await ours.require_code_allowed(SESSION, PHONE)
    for _ in range(3):
        await ours.count_code(SESSION, PHONE)

    with pytest.raises(AppError) as refused:
        await ours.require_code_allowed(SESSION, PHONE)
    assert refused.value.code is ErrorCode.RATE_LIMITED
    await ours.require_code_allowed(SESSION, PhoneNumber("79990000002"))


async def test_no_token_address_or_number_is_written_to_redis(redis: Redis) -> None:
    ours = limits(redis)
    await ours.admit_connection_from("192.0.2.1")
    await ours.admit_connection_with("the-token")
    await ours.count_code(SESSION, PHONE)

    names = [str(key) async for key in redis.scan_iter()]
    assert len(names) == 4
    for secret in ("192.0.2.1", "the-token", PHONE, "1001"):
        assert not any(secret in name for name in names)
