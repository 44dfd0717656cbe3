"""A process that calls YClients as often as the shared budget lets it.

``python -m benchmarks.limiter_client REDIS_URL YCLIENTS_URL SECONDS``: says, as JSON, how many
calls ended in which way.
"""

import asyncio
import json
import logging
import sys
from collections import Counter
from typing import Final

import structlog

from api_service.store.breaker_record import BreakerPolicy, BreakerRecord
from api_service.store.call_budget import BudgetPolicy, CallBudget
from api_service.yclients.access import Access
from api_service.yclients.client import Yclients
from api_service.yclients.errors import YclientsError
from shared.bus.connection import connect_redis

CALLERS: Final = 30
"""Of one process: together they ask for ten times what there is."""


async def press(redis_url: str, yclients_url: str, seconds: float) -> Counter[str]:
    redis = connect_redis(redis_url)
    yclients = Yclients(
        Access(yclients_url, "benchmark-partner-token", 77, "application/json"),
        CallBudget(redis, BudgetPolicy()),
        BreakerRecord(redis, "yclients", BreakerPolicy()),
    )
    ends: Counter[str] = Counter()
    until = asyncio.get_running_loop().time() + seconds
    try:
        await asyncio.gather(*(_call(yclients, ends, until, number) for number in range(CALLERS)))
    finally:
        await yclients.close()
        await redis.aclose()
    return ends


async def _call(yclients: Yclients, ends: Counter[str], until: float, number: int) -> None:
    """One caller, that comes again as soon as it has its answer."""
    loop = asyncio.get_running_loop()
    while (left_s := until - loop.time()) > 0:
        try:
            async with asyncio.timeout(left_s):
                await yclients.connection(1_000 + number)
        except TimeoutError:
            ends["still_waiting"] += 1
        except YclientsError as error:
            ends[error.reason] += 1
            await asyncio.sleep(min(1.0, left_s))
        else:
            ends["ok"] += 1


def main() -> None:
    redis_url, yclients_url, seconds = sys.argv[1:]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    sys.stdout.write(json.dumps(asyncio.run(press(redis_url, yclients_url, float(seconds)))))


if __name__ == "__main__":
    main()
