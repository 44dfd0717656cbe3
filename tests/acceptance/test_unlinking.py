"""Taking a salon's device off the WhatsApp account."""

import psycopg

from sandbox.whatsapp_network.faults import FaultKind
from shared.company_id import SessionId
from shared.messages.events import Connected, Logout, Qr
from shared.messages.status import Reason, SessionStatus
from tests.acceptance.conftest import WhatsApp

SALON, PHONE, OTHER_PHONE = SessionId("company_1001"), "79990000001", "79990000002"


async def devices_in_store(database_url: str) -> int:
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute("SELECT count(*) FROM whatsmeow_device")
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def test_an_unlinked_salon_leaves_nothing_on_the_phone_or_here_and_links_again(
    whatsapp: WhatsApp, database_url: str
) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)

    result = await whatsapp.bus.result(await whatsapp.bus.unlink(SALON), SALON)

    assert result.success
    assert (await whatsapp.bus.event(Logout, SALON)).reason == Reason.UNLINKED
    snapshot = (await whatsapp.bus.present_state(SALON)).snapshot
    assert snapshot is not None
    assert (snapshot.status, snapshot.reason) == (SessionStatus.LOGGED_OUT, Reason.UNLINKED)
    assert snapshot.phone_number is None
    assert (await whatsapp.phones.phone(PHONE)).devices == []
    assert await devices_in_store(database_url) == 0
    again = await whatsapp.link_by_qr(SALON, OTHER_PHONE)
    assert again.phone_number == OTHER_PHONE


async def test_without_whatsapp_the_credentials_are_deleted_all_the_same(
    whatsapp: WhatsApp, database_url: str
) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    await whatsapp.phones.add_fault(FaultKind.UNREACHABLE)
    await whatsapp.phones.drop()
    await whatsapp.bus.status(SessionStatus.RECONNECTING, SALON)

    result = await whatsapp.bus.result(await whatsapp.bus.unlink(SALON), SALON)

    assert result.success
    assert await devices_in_store(database_url) == 0
    assert whatsapp.bus.statuses(SALON)[-1] is SessionStatus.LOGGED_OUT


async def test_a_lost_connection_that_comes_back_in_time_is_used_to_tell_whatsapp(
    whatsapp: WhatsApp,
) -> None:
    """Its login is not answered for a while: the library does not pause, as between two tries.

    A session does one thing after the other: with the thaw answered, the unlinking has begun.
    """
    await whatsapp.link_by_qr(SALON, PHONE)
    held = await whatsapp.phones.add_fault(FaultKind.HELD, number=PHONE)
    await whatsapp.phones.drop()
    await whatsapp.bus.status(SessionStatus.RECONNECTING, SALON)
    after = len(whatsapp.bus.events)

    command = await whatsapp.bus.unlink(SALON)
    assert (await whatsapp.bus.result(await whatsapp.bus.thaw(SALON), SALON)).success
    await whatsapp.phones.remove_fault(held.id)

    assert (await whatsapp.bus.result(command, SALON)).success
    assert (await whatsapp.phones.phone(PHONE)).devices == []
    events = whatsapp.bus.events[after:]
    assert not [event for event in events if isinstance(event, Connected)]


async def test_unlinking_ends_a_link_attempt_and_does_no_harm_where_nothing_is(
    whatsapp: WhatsApp,
) -> None:
    assert (await whatsapp.bus.result(await whatsapp.bus.unlink(SALON), SALON)).success
    await whatsapp.phones.create_phone(PHONE)
    await whatsapp.bus.request_qr(SALON)
    await whatsapp.bus.event(Qr, SALON)

    assert (await whatsapp.bus.result(await whatsapp.bus.unlink(SALON), SALON)).success

    assert whatsapp.bus.statuses(SALON)[-1] is SessionStatus.LOGGED_OUT
    state = await whatsapp.bus.present_state(SALON)
    assert state.qr is None
    assert (await whatsapp.link_by_qr(SALON, PHONE)).phone_number == PHONE


async def test_unlinking_in_the_middle_of_linking_anew_unlinks_what_was_linked_before(
    whatsapp: WhatsApp, database_url: str
) -> None:
    """A replaced device is closed here, and still stands on the phone's list."""
    await whatsapp.link_by_qr(SALON, PHONE)
    [device] = (await whatsapp.phones.phone(PHONE)).devices
    await whatsapp.phones.replace(PHONE, device.device)
    await whatsapp.bus.status(SessionStatus.REPLACED, SALON)
    after = len(whatsapp.bus.events)
    await whatsapp.bus.request_qr(SALON)
    await whatsapp.bus.event(Qr, SALON, after=after)

    assert (await whatsapp.bus.result(await whatsapp.bus.unlink(SALON), SALON)).success

    assert (await whatsapp.phones.phone(PHONE)).devices == []
    assert await devices_in_store(database_url) == 0
