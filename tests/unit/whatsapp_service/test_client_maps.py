"""Calls into the library: which go side by side, and which must not."""

import asyncio

import pytest

from tests.support.waiting import PATIENCE_S, wait_until
from whatsapp_service.gateway import client_maps
from whatsapp_service.gateway.client_maps import ClientMaps

LONG_S = 30.0


@pytest.fixture
def maps() -> ClientMaps:
    return ClientMaps()


async def test_calls_go_side_by_side_and_a_change_waits_for_their_look_ups(
    maps: ClientMaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_maps, "LOOK_UP_S", LONG_S)
    answers = [asyncio.Event(), asyncio.Event()]
    calls = [asyncio.create_task(maps.call(answer.wait)) for answer in answers]
    changed = asyncio.Event()

    async def change() -> None:
        async with maps.changing():
            changed.set()

    await asyncio.sleep(0)
    changing = asyncio.create_task(change())
    answers[0].set()
    await calls[0]
    assert not changed.is_set()

    answers[1].set()
    await asyncio.gather(*calls, changing)

    assert changed.is_set()


async def test_a_call_waits_for_a_change_and_changes_go_one_at_a_time(maps: ClientMaps) -> None:
    order: list[str] = []
    first = asyncio.Event()

    async def change(name: str) -> None:
        async with maps.changing():
            order.append(f"{name} begins")
            await first.wait()
            order.append(f"{name} ends")

    async def note() -> None:
        order.append("call")

    changes = [asyncio.create_task(change(name)) for name in ("one", "two")]
    await asyncio.sleep(0)
    call = asyncio.create_task(maps.call(note))
    first.set()
    await asyncio.gather(*changes, call)

    assert order == ["one begins", "one ends", "two begins", "two ends", "call"]


async def test_a_call_that_hangs_holds_a_change_up_for_its_look_up_only(
    maps: ClientMaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_maps, "LOOK_UP_S", 0.02)
    hanging = await maps.call(asyncio.Event().wait)

    async with asyncio.timeout(PATIENCE_S), maps.changing():
        assert not hanging.done()
    hanging.cancel()


async def test_whoever_gives_up_in_the_middle_holds_nothing(
    maps: ClientMaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_maps, "LOOK_UP_S", LONG_S)
    began = asyncio.Event()

    async def hang() -> None:
        began.set()
        await asyncio.Event().wait()

    call = asyncio.create_task(maps.call(hang))
    await wait_until(began.is_set)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

    async with asyncio.timeout(PATIENCE_S), maps.changing():
        assert call.cancelled()
