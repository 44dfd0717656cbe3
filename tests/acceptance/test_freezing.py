"""A salon whose subscription has ended: not connected, and linked all the same."""

import signal

import psycopg

from shared.company_id import SessionId
from shared.errors import ErrorCode
from shared.messages.events import Connected, Disconnected, Logout, PairingCodeError, Qr
from shared.messages.status import Reason, SessionStatus
from tests.acceptance.conftest import WhatsApp
from tests.support.waiting import wait_until

SALON, OTHER_SALON = SessionId("company_1001"), SessionId("company_1002")
PHONE, OTHER_PHONE = "79990000001", "79990000002"


async def is_frozen(whatsapp: WhatsApp, salon: SessionId, phone: str | None) -> bool:
    snapshot = (await whatsapp.bus.present_state(salon)).snapshot
    return snapshot is not None and (
        (snapshot.status, snapshot.reason, snapshot.connected, snapshot.phone_number)
        == (SessionStatus.FROZEN, Reason.FROZEN, False, phone)
    )


async def freeze(whatsapp: WhatsApp, salon: SessionId) -> None:
    assert (await whatsapp.bus.result(await whatsapp.bus.freeze(salon), salon)).success


async def thaw(whatsapp: WhatsApp, salon: SessionId) -> None:
    assert (await whatsapp.bus.result(await whatsapp.bus.thaw(salon), salon)).success


async def devices_online_and_logins(whatsapp: WhatsApp) -> tuple[int, int]:
    stats = await whatsapp.phones.stats()
    return stats.online_devices, stats.logins


async def test_a_frozen_salon_stays_closed_over_a_restart_and_comes_back_without_a_scan(
    whatsapp: WhatsApp,
) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    logins = (await whatsapp.phones.stats()).logins
    seen = len(whatsapp.bus.events)

    await freeze(whatsapp, SALON)
    await freeze(whatsapp, SALON)

    lost = await whatsapp.bus.event(Disconnected, SALON, after=seen)
    assert lost.reason == Reason.FROZEN
    assert await is_frozen(whatsapp, SALON, PHONE)
    assert len((await whatsapp.phones.phone(PHONE)).devices) == 1
    await wait_until(lambda: _nobody_online(whatsapp))

    whatsapp.process.terminate()
    seen = len(whatsapp.bus.events)
    whatsapp.start()

    await whatsapp.bus.status(SessionStatus.FROZEN, SALON, after=seen)
    assert await is_frozen(whatsapp, SALON, PHONE)
    assert await devices_online_and_logins(whatsapp) == (0, logins)

    await thaw(whatsapp, SALON)

    connected = await whatsapp.bus.event(Connected, SALON, after=seen)
    assert connected.phone_number == PHONE
    await thaw(whatsapp, SALON)
    assert await devices_online_and_logins(whatsapp) == (1, logins + 1)
    assert (await whatsapp.phones.stats()).pairings == 1


async def test_freezing_ends_a_link_attempt_and_nothing_is_linked_until_the_thaw(
    whatsapp: WhatsApp,
) -> None:
    """The other salon was never linked nor heard of."""
    await whatsapp.bus.request_qr(SALON)
    await whatsapp.bus.event(Qr, SALON)

    await freeze(whatsapp, SALON)
    await freeze(whatsapp, OTHER_SALON)
    whatsapp.process.kill()
    seen = len(whatsapp.bus.events)
    whatsapp.start()

    for salon in (SALON, OTHER_SALON):
        await whatsapp.bus.status(SessionStatus.FROZEN, salon, after=seen)
        state = await whatsapp.bus.present_state(salon)
        assert (state.qr, state.code) == (None, None)
        by_qr = await whatsapp.bus.result(await whatsapp.bus.request_qr(salon), salon)
        command = await whatsapp.bus.request_code(salon, PHONE)
        by_code = await whatsapp.bus.result(command, salon)
        assert (by_qr.code, by_code.code) == (ErrorCode.SALON_FROZEN,) * 2
        told = await whatsapp.bus.event(PairingCodeError, salon, after=seen)
        assert (told.code, told.command_id) == (ErrorCode.SALON_FROZEN, command)
        assert await is_frozen(whatsapp, salon, None)
        await thaw(whatsapp, salon)
        await whatsapp.bus.status(SessionStatus.IDLE, salon, after=seen)

    assert (await whatsapp.link_by_qr(SALON, PHONE)).phone_number == PHONE


async def test_a_frozen_salon_can_be_unlinked_and_stays_frozen(whatsapp: WhatsApp) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    await freeze(whatsapp, SALON)
    seen = len(whatsapp.bus.events)

    result = await whatsapp.bus.result(await whatsapp.bus.unlink(SALON), SALON)

    assert result.success
    assert (await whatsapp.phones.phone(PHONE)).devices == []
    assert (await whatsapp.bus.event(Logout, SALON, after=seen)).reason == Reason.UNLINKED
    assert not [event for event in whatsapp.bus.events[seen:] if isinstance(event, Connected)]
    assert await is_frozen(whatsapp, SALON, None)
    await thaw(whatsapp, SALON)
    assert (await whatsapp.link_by_qr(SALON, OTHER_PHONE)).phone_number == OTHER_PHONE


async def test_a_process_killed_between_the_row_and_the_connection_has_frozen_the_salon(
    whatsapp: WhatsApp, database_url: str
) -> None:
    """A lock holds the row back until the process stands still, so it never learns of its row."""
    await whatsapp.link_by_qr(SALON, PHONE)
    _, logins = await devices_online_and_logins(whatsapp)
    async with await psycopg.AsyncConnection.connect(database_url) as held:
        await held.execute("LOCK TABLE whatsapp_sessions IN EXCLUSIVE MODE")
        command = await whatsapp.bus.freeze(SALON)
        await wait_until(lambda: _freeze_waits(database_url))
        whatsapp.process.signal(signal.SIGSTOP)
    await wait_until(lambda: _row_is_frozen(database_url))
    assert not await is_frozen(whatsapp, SALON, PHONE)

    whatsapp.process.kill()
    seen = len(whatsapp.bus.events)
    whatsapp.start()

    assert (await whatsapp.bus.result(command, SALON)).success
    await whatsapp.bus.status(SessionStatus.FROZEN, SALON, after=seen)
    assert await is_frozen(whatsapp, SALON, PHONE)
    assert await devices_online_and_logins(whatsapp) == (0, logins)
    await thaw(whatsapp, SALON)
    await whatsapp.bus.event(Connected, SALON, after=seen)


async def _nobody_online(whatsapp: WhatsApp) -> bool:
    return (await whatsapp.phones.stats()).online_devices == 0


async def _freeze_waits(database_url: str) -> bool:
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND query LIKE '%SET frozen%'"
            " AND pid <> pg_backend_pid()"
        )
        return await cursor.fetchone() is not None


async def _row_is_frozen(database_url: str) -> bool:
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute(
            "SELECT frozen FROM whatsapp_sessions WHERE session_id = %s", [SALON]
        )
        return await cursor.fetchone() == (True,)
