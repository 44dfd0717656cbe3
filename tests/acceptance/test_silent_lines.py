"""Connections on which nobody answers any more, with the real library on them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
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
from shared.messages.status import Reason, SessionStatus
from tests.acceptance.conftest import WhatsApp
from tests.support.waiting import PATIENCE_S, wait_until

SALON, OTHER_SALON = SessionId("company_1001"), SessionId("company_1002")
PHONE, OTHER_PHONE = "79990000001", "79990000002"
QUICK = {"LINE_CHECK_S": "0.6", "LINE_ANSWER_S": "2"}
PATIENT = {"LINE_CHECK_S": "0.6", "LINE_ANSWER_S": "4"}
SLOWLY_S = 4.4
"""Later than one answer may be, and by far in time for two."""
PHASE_S = "6"
"""For as long a line is doubted, so that one can look."""


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
    found_before = await metric(watched, "silent_lines_total")

    await watched.phones.add_fault(kind, number=PHONE)

    lost = await watched.bus.event(Disconnected, SALON, after=seen)
    assert lost.reason == Reason.KEEPALIVE_TIMEOUT
    await watched.bus.event(Connected, SALON, after=seen)
    after = await up(watched)
    assert after["connectedSince"] > after["lastSilentAt"] > before["connectedSince"]
    assert (await watched.phones.stats()).replaced == 0

    async def one_login_for_each() -> bool:
        """On a busy machine it is not the only line that is found silent."""
        stats = await watched.phones.stats()
        found = await metric(watched, "silent_lines_total") - found_before
        return stats.online_devices == 1 and stats.logins - logins == found

    await wait_until(one_login_for_each)


async def test_health_and_the_snapshot_tell_the_truth_in_each_phase(
    idle_whatsapp: WhatsApp,
) -> None:
    """Each phase lasts long enough to be seen: WhatsApp is away until all has been looked at."""
    whatsapp = idle_whatsapp
    whatsapp.start(LINE_CHECK_S="0.6", LINE_ANSWER_S=PHASE_S)
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

    away = await whatsapp.phones.add_fault(FaultKind.UNREACHABLE)
    lost = await whatsapp.bus.event(Disconnected, SALON)
    assert lost.reason == Reason.KEEPALIVE_TIMEOUT
    told = await health(whatsapp)
    assert (told["status"], told["loggedIn"], told["socketAlive"]) == ("reconnecting", False, False)
    assert told["connectedSince"] is None
    closed = await snapshot(whatsapp)
    assert (closed.logged_in, closed.socket_alive, closed.connected_since) == (False, False, None)

    seen = len(whatsapp.bus.events)
    await whatsapp.phones.remove_fault(away.id)
    await whatsapp.bus.event(Connected, SALON, after=seen)
    await up(whatsapp)
    assert await metric(whatsapp, "sessions_silent") == 0
    assert await metric(whatsapp, "sessions_logged_in") == 1


async def test_a_line_that_is_slow_is_not_renewed(idle_whatsapp: WhatsApp) -> None:
    """Each answer comes after its deadline, and shows that the line lives."""
    whatsapp = idle_whatsapp
    whatsapp.start(**PATIENT)
    await whatsapp.link_by_qr(SALON, PHONE)
    await whatsapp.phones.add_fault(FaultKind.SLOW, number=PHONE, delay_s=SLOWLY_S)
    since, proved = (await health(whatsapp))["connectedSince"], set[str]()

    async def is_proved_again() -> bool:
        """An answer may have been on its way when the line became slow."""
        proved.add((await health(whatsapp))["lastProvedAt"])
        return len(proved) > 2

    await wait_until(is_proved_again, 60)
    assert await metric(whatsapp, "silent_lines_total") == 0
    assert (await health(whatsapp))["connectedSince"] == since
    await whatsapp.phones.clear_faults()
    assert whatsapp.process.terminate() == 0


async def test_one_dark_line_is_nobody_elses_trouble(watched: WhatsApp) -> None:
    """While it is closed, and while nobody answers when it comes back."""
    await watched.link_by_qr(SALON, PHONE)
    await watched.link_by_qr(OTHER_SALON, OTHER_PHONE)
    seen = len(watched.bus.events)

    held = await watched.phones.add_fault(FaultKind.HELD, number=PHONE)
    await watched.phones.add_fault(FaultKind.GONE, number=PHONE)

    await watched.bus.event(Disconnected, SALON, after=seen)
    await watched.phones.drop(OTHER_PHONE)
    await watched.bus.event(Disconnected, OTHER_SALON, after=seen)
    await watched.bus.event(Connected, OTHER_SALON, after=seen)
    still = (await snapshot(watched)).status
    assert still is SessionStatus.RECONNECTING
    seen = len(watched.bus.events)
    await watched.phones.remove_fault(held.id)
    await watched.bus.event(Connected, SALON, after=seen)


@pytest.mark.parametrize("sign", list(Sign))
async def test_a_sign_of_the_salons_phone_is_seen(whatsapp: WhatsApp, sign: Sign) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    linked = (await health(whatsapp))["phoneSeen"]
    assert linked is not None

    assert await whatsapp.phones.give_sign(PHONE, sign) == 1

    async def newer() -> bool:
        told = await health(whatsapp)
        return bool(told["phoneSeen"] > linked and told["lastEventAt"] >= told["phoneSeen"])

    await wait_until(newer)


async def test_when_the_phone_was_seen_is_known_after_a_restart(whatsapp: WhatsApp) -> None:
    """The phone may be seen once more after the link: what counts is what was kept."""
    began = datetime.now(UTC)
    await whatsapp.link_by_qr(SALON, PHONE)

    def kept() -> datetime | None:
        with psycopg.connect(whatsapp.environment["DATABASE_URL"]) as connection:
            row = connection.execute(
                "SELECT phone_seen_at FROM whatsapp_sessions WHERE session_id = %s", [SALON]
            ).fetchone()
        return row[0] if row else None

    seen = await wait_until(kept)
    assert seen is not None
    assert began < seen < datetime.now(UTC)
    whatsapp.process.kill()
    after = len(whatsapp.bus.events)
    whatsapp.start()

    known = await whatsapp.bus.status(SessionStatus.RECONNECTING, SALON, after=after)
    assert known.phone_seen is not None
    assert abs(known.phone_seen / 1000 - seen.timestamp()) < 1
