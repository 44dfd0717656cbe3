"""A link that is cut in the middle: the phone has accepted, and whoever should know is killed."""

import signal

import psutil
import psycopg

from shared.company_id import SessionId
from shared.messages.events import Connected, PairingCode, Qr
from shared.messages.status import SessionStatus
from tests.acceptance.conftest import WhatsApp

SALON, OTHER_SALON = SessionId("company_1001"), SessionId("company_1002")
PHONE, OTHER_PHONE = "79990000001", "79990000002"


async def owned_devices(database_url: str) -> int:
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM whatsapp_sessions WHERE jid IS NOT NULL"
        )
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def test_a_process_killed_before_it_knows_of_the_device_finds_it_in_its_next_life(
    whatsapp: WhatsApp, database_url: str
) -> None:
    """By QR and by code at once: the parent stands still, so that it cannot write a row."""
    for phone in (PHONE, OTHER_PHONE):
        await whatsapp.phones.create_phone(phone)
    await whatsapp.bus.request_qr(SALON)
    await whatsapp.bus.request_code(OTHER_SALON, OTHER_PHONE)
    qr = await whatsapp.bus.event(Qr, SALON)
    code = await whatsapp.bus.event(PairingCode, OTHER_SALON)
    whatsapp.process.signal(signal.SIGSTOP)
    await whatsapp.phones.scan(PHONE, qr.qr)
    await whatsapp.phones.type_code(OTHER_PHONE, code.code)
    assert await owned_devices(database_url) == 0

    whatsapp.process.kill()
    after = len(whatsapp.bus.events)
    whatsapp.start()

    for salon, phone in ((SALON, PHONE), (OTHER_SALON, OTHER_PHONE)):
        connected = await whatsapp.bus.event(Connected, salon, after=after)
        assert connected.phone_number == phone
        assert len((await whatsapp.phones.phone(phone)).devices) == 1
    assert await owned_devices(database_url) == 2


async def test_a_link_that_takes_another_s_place_and_is_cut_takes_it_in_the_next_life(
    whatsapp: WhatsApp, database_url: str
) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    [device] = (await whatsapp.phones.phone(PHONE)).devices
    await whatsapp.phones.replace(PHONE, device.device)
    await whatsapp.bus.status(SessionStatus.REPLACED, SALON)
    await whatsapp.phones.create_phone(OTHER_PHONE)
    seen = len(whatsapp.bus.events)
    await whatsapp.bus.request_qr(SALON)
    qr = await whatsapp.bus.event(Qr, SALON, after=seen)
    whatsapp.process.signal(signal.SIGSTOP)
    await whatsapp.phones.scan(OTHER_PHONE, qr.qr)

    whatsapp.process.kill()
    after = len(whatsapp.bus.events)
    whatsapp.start()

    connected = await whatsapp.bus.event(Connected, SALON, after=after)
    assert connected.phone_number == OTHER_PHONE
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute("SELECT jid FROM whatsmeow_device")
        kept = [row[0].partition(":")[0] for row in await cursor.fetchall()]
    assert kept == [OTHER_PHONE]


async def test_a_killed_linker_is_replaced_and_the_code_comes_again(whatsapp: WhatsApp) -> None:
    await whatsapp.phones.create_phone(PHONE)
    await whatsapp.bus.request_code(SALON, PHONE)
    first = await whatsapp.bus.event(PairingCode, SALON)
    after = len(whatsapp.bus.events)

    for child in psutil.Process(whatsapp.process.pid).children():
        child.kill()

    second = await whatsapp.bus.event(PairingCode, SALON, after=after)
    assert second.code != first.code
    assert second.phone_number == PHONE
    await whatsapp.phones.type_code(PHONE, second.code)
    assert (await whatsapp.bus.event(Connected, SALON)).phone_number == PHONE
