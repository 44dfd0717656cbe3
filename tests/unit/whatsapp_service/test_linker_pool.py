"""The pool's order, bounds and clean-up, with linkers that need no process."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.waiting import wait_until
from whatsapp_service.sessions.linker import Linker, LinkerGoneError
from whatsapp_service.sessions.linker_pool import LinkerPool, QueueFullError


class FakeLinker(Linker):
    def __init__(self) -> None:
        self.ended = False

    @property
    def alive(self) -> bool:
        return not self.ended

    async def end(self) -> None:
        self.ended = True


class Factory:
    def __init__(self) -> None:
        self.made: list[FakeLinker] = []
        self.failures = 0

    async def start(self) -> Linker:
        if self.failures:
            self.failures -= 1
            raise LinkerGoneError
        self.made.append(FakeLinker())
        return self.made[-1]


@pytest.fixture
def factory() -> Factory:
    return Factory()


@pytest.fixture
async def pool(factory: Factory) -> AsyncIterator[LinkerPool]:
    pool = LinkerPool(capacity=2, spares=1, queue_limit=2, start=factory.start)
    task = asyncio.create_task(pool.run())
    await wait_until(lambda: len(factory.made) == 1)
    yield pool
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def ignore(_position: int) -> None:
    return


async def test_a_spare_is_handed_out_and_replaced(pool: LinkerPool, factory: Factory) -> None:
    slot = pool.ask(ignore)

    linker = await slot.fresh_linker()

    assert linker is factory.made[0]
    await wait_until(lambda: len(factory.made) == 2)
    await slot.release()


async def test_beyond_the_capacity_one_waits_and_sees_its_place(pool: LinkerPool) -> None:
    first, second = pool.ask(ignore), pool.ask(ignore)
    third_places: list[int] = []
    fourth_places: list[int] = []
    third, fourth = pool.ask(third_places.append), pool.ask(fourth_places.append)

    assert (third_places, fourth_places) == ([1], [2])
    assert first.granted.is_set()
    assert not third.granted.is_set()
    await second.release()
    assert third.granted.is_set()
    assert fourth_places == [2, 1]
    for slot in (first, third, fourth):
        await slot.release()


async def test_a_full_queue_refuses(pool: LinkerPool) -> None:
    slots = [pool.ask(ignore) for _ in range(4)]

    with pytest.raises(QueueFullError):
        pool.ask(ignore)

    await slots[3].release()
    slots.append(pool.ask(ignore))
    for slot in slots:
        await slot.release()


async def test_a_fresh_linker_ends_the_one_before(pool: LinkerPool) -> None:
    slot = pool.ask(ignore)
    first = await slot.fresh_linker()

    second = await slot.fresh_linker()

    assert not first.alive
    assert second.alive
    await slot.release()
    assert not second.alive


async def test_a_dead_spare_is_not_handed_out(pool: LinkerPool, factory: Factory) -> None:
    await factory.made[0].end()

    slot = pool.ask(ignore)

    assert (await slot.fresh_linker()).alive
    await slot.release()


async def test_an_unused_linker_goes_back_among_the_spares(factory: Factory) -> None:
    pool = LinkerPool(capacity=1, spares=1, queue_limit=0, start=factory.start)
    unused = await pool.take_warm()

    await pool.put_back(unused)

    assert await pool.take_warm() is unused
    await pool.put_back(unused)
    superfluous = FakeLinker()
    await pool.put_back(superfluous)
    assert not superfluous.alive


async def test_a_linker_that_cannot_start_is_an_error_for_its_asker(factory: Factory) -> None:
    pool = LinkerPool(capacity=1, spares=0, queue_limit=0, start=factory.start)
    factory.failures = 1
    slot = pool.ask(ignore)

    with pytest.raises(LinkerGoneError):
        await slot.fresh_linker()

    await slot.release()


async def test_the_end_of_the_pool_ends_its_spares(factory: Factory) -> None:
    pool = LinkerPool(capacity=1, spares=3, queue_limit=0, start=factory.start)
    task = asyncio.create_task(pool.run())
    await wait_until(lambda: len(factory.made) == 3)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert all(linker.ended for linker in factory.made)
