"""When a salon's phone was seen is known after a restart, and costs little to keep."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.support.session_stage import JID, SALON, Stage
from tests.support.waiting import wait_until
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.events import Heard
from whatsapp_service.sessions.phone_memory import KEEP_S, PhoneMemory

LOOK_S = 0.01
LONG_AGO = 1_764_936_000.0


@pytest.fixture
async def linked(stage: Stage) -> AsyncIterator[Stage]:
    """The salon has a device, and somebody keeps what is seen of its phone."""
    stage.session.device = DeviceJid.parse(JID)
    memory = asyncio.create_task(PhoneMemory([stage.session], stage.rows, LOOK_S).run())
    yield stage
    assert not memory.done()
    memory.cancel()
    await asyncio.gather(memory, return_exceptions=True)


async def test_what_an_earlier_life_has_seen_is_told_from_the_first_word_on(stage: Stage) -> None:
    """Health would know nothing of the phone right after a session has changed hands."""
    stage.rows.jid, stage.rows.phone_seen_s = JID, LONG_AGO

    stage.session.recall()
    await wait_until(lambda: stage.heard.said)

    assert stage.heard.said[0].snapshot.phone_seen == LONG_AGO * 1000


async def test_what_was_seen_before_the_past_was_known_stays(stage: Stage) -> None:
    line = stage.session.line
    line.take(Heard(from_phone=True))
    seen_at = line.phone_seen_at

    line.recall_phone(LONG_AGO)

    assert line.phone_seen_at == seen_at


async def test_a_phone_that_is_busy_is_written_down_now_and_then(linked: Stage) -> None:
    linked.session.line.take(Heard(from_phone=True))
    await wait_until(lambda: linked.rows.sightings_written == 1)
    for _ in range(20):
        linked.session.line.take(Heard(from_phone=True))
        await asyncio.sleep(LOOK_S)
    assert linked.rows.sightings_written == 1

    linked.session.line.phone_seen_at = time.time() + KEEP_S + 1
    await wait_until(lambda: linked.rows.sightings_written == 2)


async def test_it_is_kept_when_postgres_is_back(linked: Stage) -> None:
    linked.rows.away = True
    linked.session.line.take(Heard(from_phone=True))
    await wait_until(lambda: linked.rows.sightings_asked >= 2)
    assert linked.rows.sighted == {}

    linked.rows.away = False

    await wait_until(lambda: SALON in linked.rows.sighted)
