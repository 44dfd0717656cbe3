"""What a linked session survives, and how it ends."""

import os
import signal

import psutil
import psycopg
import pytest

from sandbox.whatsapp_network.faults import FaultKind
from shared.company_id import SessionId
from shared.messages.events import Connected, Disconnected, Qr
from shared.messages.status import Reason, SessionStatus
from tests.acceptance.conftest import WhatsApp
from tests.support.waiting import wait_until
from whatsapp_service.sessions.link_attempt import MAX_LOSSES

SALON, OTHER_SALON = SessionId("company_1001"), SessionId("company_1002")
PHONE, OTHER_PHONE = "79990000001", "79990000002"
STOP_S = 20.0
"""Half of it is the machine's."""


async def test_after_a_restart_linked_salons_connect_again_without_a_scan(
    whatsapp: WhatsApp,
) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    await whatsapp.link_by_qr(OTHER_SALON, OTHER_PHONE)
    seen = len(whatsapp.bus.events)

    assert whatsapp.process.terminate() == 0
    lost = await whatsapp.bus.event(Disconnected, SALON, after=seen)
    assert lost.reason == Reason.SERVICE_STOPPED
    seen = len(whatsapp.bus.events)
    whatsapp.start()

    for salon in (SALON, OTHER_SALON):
        await whatsapp.bus.event(Connected, salon, after=seen)
    stats = await whatsapp.phones.stats()
    assert (stats.replaced, stats.pairings, stats.logins) == (0, 2, 6)


async def test_after_a_kill_linked_salons_connect_again_without_a_scan(
    whatsapp: WhatsApp,
) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    seen = len(whatsapp.bus.events)

    whatsapp.process.kill()
    whatsapp.start()

    await whatsapp.bus.event(Connected, SALON, after=seen)


async def test_a_kill_in_the_middle_of_linking_ends_the_attempt_on_the_page(
    whatsapp: WhatsApp,
) -> None:
    await whatsapp.bus.request_qr(SALON)
    await whatsapp.bus.event(Qr, SALON)
    children = psutil.Process(whatsapp.process.pid).children()

    whatsapp.process.kill()
    await wait_until(lambda: not any(child.is_running() for child in children))
    whatsapp.start()

    ended = await whatsapp.bus.status(SessionStatus.QR_EXPIRED, SALON)
    assert ended.reason == Reason.SERVICE_STOPPED


async def test_linkers_that_are_killed_are_replaced_until_it_is_too_much(
    idle_whatsapp: WhatsApp,
) -> None:
    """Without a spare: one that is killed, too, and taken before it is dead, is another loss."""
    whatsapp = idle_whatsapp
    whatsapp.start(LINKER_SPARES="0")
    after = 0
    await whatsapp.bus.request_qr(SALON)
    for _ in range(MAX_LOSSES + 1):
        await whatsapp.bus.event(Qr, SALON, after=after)
        after = len(whatsapp.bus.events)
        for child in psutil.Process(whatsapp.process.pid).children():
            os.kill(child.pid, signal.SIGKILL)

    error = await whatsapp.bus.status(SessionStatus.ERROR, SALON, after=after)
    assert error.reason == Reason.LINKER_FAILED
    await whatsapp.link_by_qr(SALON, PHONE)
    assert whatsapp.process.terminate() == 0


async def test_a_dropped_socket_heals_by_itself(whatsapp: WhatsApp) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    seen = len(whatsapp.bus.events)

    await whatsapp.phones.drop(PHONE)

    await whatsapp.bus.event(Disconnected, SALON, after=seen)
    await whatsapp.bus.event(Connected, SALON, after=seen)
    assert (await whatsapp.phones.stats()).replaced == 0


async def test_a_network_that_is_away_at_the_start_is_tried_again(
    whatsapp: WhatsApp,
) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    whatsapp.process.terminate()
    await whatsapp.phones.add_fault(FaultKind.UNREACHABLE)
    seen = len(whatsapp.bus.events)
    whatsapp.start()
    lost = await whatsapp.bus.status(SessionStatus.RECONNECTING, SALON, after=seen)
    assert lost.phone_number == PHONE

    await whatsapp.phones.clear_faults()

    await whatsapp.bus.event(Connected, SALON, after=seen)


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (FaultKind.BANNED, SessionStatus.BANNED, Reason.TEMPORARY_BAN),
        (FaultKind.OUTDATED, SessionStatus.OUTDATED, Reason.CLIENT_OUTDATED),
    ],
)
async def test_a_refused_login_has_its_own_status(
    whatsapp: WhatsApp, fault: FaultKind, status: SessionStatus, reason: Reason
) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    await whatsapp.phones.add_fault(fault)

    await whatsapp.phones.drop(PHONE)

    assert (await whatsapp.bus.status(status, SALON)).reason == reason


async def test_a_banned_salon_may_link_another_number(whatsapp: WhatsApp) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    await whatsapp.phones.add_fault(FaultKind.BANNED, number=PHONE)
    await whatsapp.phones.drop(PHONE)
    await whatsapp.bus.status(SessionStatus.BANNED, SALON)

    connected = await whatsapp.link_by_qr(SALON, OTHER_PHONE)

    assert connected.phone_number == OTHER_PHONE
    assert (await whatsapp.phones.stats()).online_devices == 1


async def test_a_replaced_session_does_not_fight_back(whatsapp: WhatsApp) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    [device] = (await whatsapp.phones.phone(PHONE)).devices
    logins = (await whatsapp.phones.stats()).logins

    await whatsapp.phones.replace(PHONE, device.device)

    replaced = await whatsapp.bus.status(SessionStatus.REPLACED, SALON)
    assert replaced.reason == Reason.REPLACED
    assert (await whatsapp.phones.stats()).logins == logins


async def test_a_request_that_waits_at_the_start_starts_no_second_link(
    whatsapp: WhatsApp,
) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    whatsapp.process.terminate()
    seen = len(whatsapp.bus.events)
    await whatsapp.bus.request_qr(SALON)

    whatsapp.start()

    await whatsapp.bus.event(Connected, SALON, after=seen)
    stats = await whatsapp.phones.stats()
    assert (stats.handshakes, stats.online_devices, stats.replaced) == (4, 1, 0)


async def test_a_device_that_is_missing_from_the_store_ends_only_its_own_session(
    whatsapp: WhatsApp,
) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    await whatsapp.link_by_qr(OTHER_SALON, OTHER_PHONE)
    whatsapp.process.terminate()
    with psycopg.connect(whatsapp.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DELETE FROM whatsmeow_device WHERE jid LIKE %s", [f"{PHONE}%"])
    seen = len(whatsapp.bus.events)

    whatsapp.start()

    await whatsapp.bus.event(Connected, OTHER_SALON, after=seen)
    ended = await whatsapp.bus.status(SessionStatus.LOGGED_OUT, SALON, after=seen)
    assert ended.reason == Reason.CREDENTIALS_MISSING


async def test_a_stop_while_everything_is_going_on_does_not_take_long(
    whatsapp: WhatsApp,
) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    await whatsapp.bus.request_qr(OTHER_SALON)
    await whatsapp.bus.event(Qr, OTHER_SALON)
    seen = len(whatsapp.bus.events)

    assert whatsapp.process.terminate(STOP_S) == 0

    assert whatsapp.process.session_members() == []
    await whatsapp.bus.event(Disconnected, SALON, after=seen)
    await whatsapp.bus.status(SessionStatus.QR_EXPIRED, OTHER_SALON, after=seen)
    present = await whatsapp.bus.present_state(SALON)
    assert present.snapshot is not None
    assert not present.snapshot.connected
