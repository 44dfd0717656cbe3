"""What a Redis-protocol server says of its append-only file, and what is made of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from sandbox.services.ports import free_port
from sandbox.services.valkey import LASTING, ValkeySetup, start
from shared.bus.connection import connect_redis
from shared.bus.durability import Durability, DurabilityWatch, Known, ask_durability
from tests.support.places import open_folder
from tests.support.processes import ROOT
from tests.support.waiting import wait_until

YES, NO, UNKNOWN = Known.YES, Known.NO, Known.UNKNOWN


@pytest.fixture(scope="module")
def lasting_url() -> Iterator[str]:
    with open_folder("lasting-valkey") as folder:
        setup = ValkeySetup(folder / "valkey", free_port(), settings=LASTING)
        server = start(setup)
        try:
            yield setup.url()
        finally:
            server.stop(0)  # it refuses to end while it writes its first AOF


@pytest.fixture
async def lasting(lasting_url: str) -> AsyncIterator[Redis]:
    async with _client(lasting_url) as redis:
        yield redis
        await redis.config_set("appendonly", "yes")
        await redis.config_set("appendfsync", "everysec")
        # While it writes its first file anew, it does not end when it is asked to.
        await wait_until(lambda: _has_written(redis), what="the file is written anew")


async def _has_written(redis: Redis) -> bool:
    told = await redis.info("persistence")
    return not (told["aof_rewrite_in_progress"] or told["aof_rewrite_scheduled"])


@pytest.mark.parametrize(
    ("changed", "expected", "sufficient"),
    [
        ({}, Durability(YES, "everysec", YES), YES),
        ({"appendfsync": "always"}, Durability(YES, "always", YES), YES),
        ({"appendfsync": "no"}, Durability(YES, "no", YES), NO),
        ({"appendonly": "no"}, Durability(NO, "everysec", YES), NO),
    ],
)
async def test_what_a_server_keeps(
    lasting: Redis, changed: dict[str, str], expected: Durability, sufficient: Known
) -> None:
    for name, value in changed.items():
        await lasting.config_set(name, value)

    found = await ask_durability(lasting)

    assert (found, found.sufficient) == (expected, sufficient)


@pytest.mark.parametrize(
    ("forbidden", "expected", "sufficient"),
    [
        ("-config|get", Durability(YES, "unknown", YES), YES),
        ("-info", Durability(UNKNOWN, "unknown", UNKNOWN), UNKNOWN),
    ],
)
async def test_what_may_not_be_asked_is_unknown(
    lasting: Redis, lasting_url: str, forbidden: str, expected: Durability, sufficient: Known
) -> None:
    """As with managed servers."""
    await lasting.acl_setuser(
        "guest", enabled=True, nopass=True, commands=["+ping", "+info", "+config|get", forbidden]
    )

    async with _client(lasting_url.replace("redis://", "redis://guest:any@")) as guest:
        found = await ask_durability(guest)

    assert (found, found.sufficient) == (expected, sufficient)


def test_a_write_that_did_not_reach_the_disk_is_not_sufficient() -> None:
    assert Durability(YES, "everysec", NO).sufficient is NO


@pytest.mark.parametrize(("required", "level"), [(True, "error"), (False, "warning")])
async def test_a_server_that_forgets_is_told_of_once_and_again_when_it_is_mended(
    lasting: Redis, required: bool, level: str
) -> None:
    await lasting.config_set("appendonly", "no")
    with capture_logs() as logs:
        watch = asyncio.create_task(DurabilityWatch(lasting, required=required).run())
        await wait_until(lambda: logs)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)

    assert [line["log_level"] for line in logs] == [level]
    assert "appendonly yes" in logs[0]["advice"]


def test_the_example_is_read_by_a_real_server_and_is_sufficient() -> None:
    lines = (ROOT / "deploy" / "redis.conf").read_text("utf-8").splitlines()
    settings = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    del settings["bind"], settings["port"]
    with open_folder("example-valkey") as folder:
        setup = ValkeySetup(folder / "valkey", free_port(), settings=settings)
        server = start(setup)
        try:
            found = asyncio.run(_ask(setup.url()))
        finally:
            server.stop()

    assert found == Durability(YES, "everysec", YES)


async def _ask(url: str) -> Durability:
    async with _client(url) as redis:
        return await ask_durability(redis)


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[Redis]:
    redis = connect_redis(url)
    try:
        yield redis
    finally:
        await redis.aclose()
