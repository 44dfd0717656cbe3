"""Connections on which nobody answers any more, with the real library on them."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx2
import psycopg
import pytest

from sandbox.services.loopback import NOBODY
from sandbox.whatsapp_network.faults import FaultKind
from sandbox.whatsapp_network.phone_signs import Sign
from shared.company_id import SessionId
from shared.messages.events import Connected, Disconnected
from shared.messages.snapshot import Snapshot
from shared.messages.status import Reason
from tests.acceptance.conftest import WhatsApp
from tests.support.waiting import PATIENCE_S, wait_until

SALON, OTHER_SALON = SessionId("company_1001"), SessionId("company_1002")
PHONE, OTHER_PHONE = "79990000001", "79990000002"
QUICK = {"LINE_CHECK_S": "0.6", "LINE_ANSWER_S": "1"}
SLOWLY_S = 1.4
"""Later than one answer may be; a busy machine adds to it, and two together are too late."""


@pytest.fixture
async def watched(idle_whatsapp: WhatsApp) -> AsyncIterator[WhatsApp]:
    """Lines are asked often."""
    idle_whatsapp.start(**QUICK)
    yield idle_whatsapp
    await idle_whatsapp.phones.clear_faults()
    assert idle_whatsapp.process.terminate() == 0
    assert await idle_whatsapp.phones.unknown_stanzas() == []


async def metric(whatsapp: WhatsApp, name: str) -> float:
    """Summed over its labels."""
    async with httpx2.AsyncClient(verify=NOBODY, trust_env=False, timeout=PATIENCE_S) as http:
        text = (await http.get(f"{whatsapp.url}/metrics")).text
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith((f"{name} ", f"{name}{{"))
    )


async def health(whatsapp: WhatsApp) -> dict[str, Any]:
    return await whatsapp.health(SALON)


async def snapshot(whatsapp: WhatsApp) -> Snapshot:
    present = (await whatsapp.bus.present_state(SALON)).snapshot
    assert present is not None
    return present


async def up(whatsapp: WhatsApp) -> dict[str, Any]:
    """What health says, once the line is proved: an answer may just be on its way."""

    async def is_up() -> dict[str, Any] | None:
        told = await health(whatsapp)
        facts = (told["status"], told["loggedIn"], told["socketAlive"])
        return told if facts == ("connected", True, True) else None

    found: dict[str, Any] | None = await wait_until(is_up, what="the line is up")
    assert found is not None
    return found


@pytest.mark.parametrize("kind", [FaultKind.SWALLOWED, FaultKind.PINGS_ONLY, FaultKind.GONE])
async def test_a_line_on_which_nobody_answers_is_found_and_renewed(
    watched: WhatsApp, kind: FaultKind
) -> None:
    await watched.link_by_qr(SALON, PHONE)
    before = await up(watched)
    seen, logins = len(watched.bus.events), (await watched.phones.stats()).logins

    await watched.phones.add_fault(kind, number=PHONE)

    lost = await watched.bus.event(Disconnected, SALON, after=seen)
    assert lost.reason == Reason.KEEPALIVE_TIMEOUT
    await watched.bus.event(Connected, SALON, after=seen)
    after = await up(watched)
    assert after["connectedSince"] > after["lastSilentAt"] > before["connectedSince"]
    stats = await watched.phones.stats()
    assert (stats.logins, stats.replaced, stats.online_devices) == (logins + 1, 0, 1)
    assert await metric(watched, "silent_lines_total") == 1


async def test_health_and_the_snapshot_tell_the_truth_in_each_phase(
    idle_whatsapp: WhatsApp,
) -> None:
    """Slow enough that each phase can be seen."""
    whatsapp = idle_whatsapp
    whatsapp.start(LINE_CHECK_S="0.6", LINE_ANSWER_S="2")
    await whatsapp.link_by_qr(SALON, PHONE)
    since = (await health(whatsapp))["connectedSince"]
    await whatsapp.phones.add_fault(FaultKind.GONE, number=PHONE)

    async def doubted() -> bool:
        told = await snapshot(whatsapp)
        return told.connected and told.logged_in and not told.socket_alive

    await wait_until(doubted)
    told = await health(whatsapp)
    assert (told["status"], told["loggedIn"], told["socketAlive"]) == ("connected", True, False)
    assert told["connectedSince"] == since
    assert await metric(whatsapp, "sessions_silent") == 1

    lost = await whatsapp.bus.event(Disconnected, SALON)
    assert lost.reason == Reason.KEEPALIVE_TIMEOUT
    told = await health(whatsapp)
    assert (told["status"], told["loggedIn"], told["socketAlive"]) == ("reconnecting", False, False)
    assert told["connectedSince"] is None
    closed = await snapshot(whatsapp)
    assert (closed.logged_in, closed.socket_alive, closed.connected_since) == (False, False, None)

    await whatsapp.bus.event(Connected, SALON, after=len(whatsapp.bus.events))
    await up(whatsapp)
    assert await metric(whatsapp, "sessions_silent") == 0
    assert await metric(whatsapp, "sessions_logged_in") == 1


async def test_a_line_that_is_slow_is_not_renewed(watched: WhatsApp) -> None:
    """Each answer comes after its deadline, and shows that the line lives."""
    await watched.link_by_qr(SALON, PHONE)
    await watched.phones.add_fault(FaultKind.SLOW, number=PHONE, delay_s=SLOWLY_S)
    since, proved = (await health(watched))["connectedSince"], set[str]()

    async def is_proved_again_and_again() -> bool:
        proved.add((await health(watched))["lastProvedAt"])
        return len(proved) > 3

    await wait_until(is_proved_again_and_again, 30)
    assert await metric(watched, "silent_lines_total") == 0
    assert (await health(watched))["connectedSince"] == since


async def test_one_dark_line_is_nobody_elses_trouble(watched: WhatsApp) -> None:
    await watched.link_by_qr(SALON, PHONE)
    await watched.link_by_qr(OTHER_SALON, OTHER_PHONE)
    seen = len(watched.bus.events)

    await watched.phones.add_fault(FaultKind.GONE, number=PHONE)

    await watched.bus.event(Disconnected, SALON, after=seen)
    await watched.phones.drop(OTHER_PHONE)
    await watched.bus.event(Disconnected, OTHER_SALON, after=seen)
    back = await watched.bus.event(Connected, OTHER_SALON, after=seen)
    assert not [e for e in watched.bus.events[seen:] if isinstance(e, Connected) and e is not back]
    await watched.bus.event(Connected, SALON, after=seen)


@pytest.mark.parametrize("sign", list(Sign))
async def test_a_sign_of_the_salons_phone_is_seen(watched: WhatsApp, sign: Sign) -> None:
    await watched.link_by_qr(SALON, PHONE)
    linked = (await health(watched))["phoneSeen"]
    assert linked is not None

    assert await watched.phones.give_sign(PHONE, sign) == 1

    async def newer() -> bool:
        told = await health(watched)
        return bool(told["phoneSeen"] > linked and told["lastEventAt"] >= told["phoneSeen"])

    await wait_until(newer)


async def test_when_the_phone_was_seen_is_known_after_a_restart(whatsapp: WhatsApp) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    seen = datetime.fromisoformat((await health(whatsapp))["phoneSeen"])

    def kept() -> bool:
        with psycopg.connect(whatsapp.environment["DATABASE_URL"]) as connection:
            row = connection.execute(
                "SELECT phone_seen_at FROM whatsapp_sessions WHERE session_id = %s", [SALON]
            ).fetchone()
        return row is not None and row[0] is not None

    await wait_until(kept)
    whatsapp.process.kill()
    whatsapp.start()

    async def known() -> bool:
        told = (await snapshot(whatsapp)).phone_seen
        return told is not None and abs(told / 1000 - seen.timestamp()) < 1

    await wait_until(known, 20)
