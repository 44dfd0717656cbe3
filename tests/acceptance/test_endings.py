"""Every way a session ends, made by the network in a box, and what follows from it."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg
import pytest

from sandbox.whatsapp_network.faults import FaultKind
from shared.company_id import SessionId
from shared.messages.events import Connected, StatusChanged
from shared.messages.status import Reason, SessionStatus
from tests.acceptance.conftest import WhatsApp
from tests.support.waiting import wait_until

SALON, OTHER_SALON = SessionId("company_1001"), SessionId("company_1002")
PHONE, OTHER_PHONE = "79990000001", "79990000002"
QUICK = {
    "RECONNECT_FIRST_S": "0.05",
    "RECONNECT_SLOW_S": "60",
    # However slow the machine is, what is lost was not open for so long.
    "CONNECTION_STABLE_S": "600",
}

pytestmark = pytest.mark.timeout(300)


async def told(
    whatsapp: WhatsApp, reason: Reason, after: int = 0, salon: SessionId = SALON
) -> StatusChanged:
    return await whatsapp.bus.event(
        StatusChanged, salon, after=after, where=lambda it: it.reason == reason
    )


async def linked(whatsapp: WhatsApp) -> int:
    """The device's number."""
    await whatsapp.link_by_qr(SALON, PHONE)
    [device] = (await whatsapp.phones.phone(PHONE)).devices
    return device.device


async def restart(whatsapp: WhatsApp) -> int:
    """With nothing changed; how many events there were before."""
    whatsapp.process.terminate()
    seen = len(whatsapp.bus.events)
    whatsapp.start()
    return seen


async def test_a_restart_respects_what_is_left_of_a_ban(idle_whatsapp: WhatsApp) -> None:
    whatsapp = idle_whatsapp
    whatsapp.start()
    await linked(whatsapp)
    await whatsapp.phones.add_fault(FaultKind.BANNED, number=PHONE, expire_s=600)
    await whatsapp.phones.drop(PHONE)
    banned = await told(whatsapp, Reason.TEMPORARY_BAN)
    assert abs((banned.retry_at or 0) / 1000 - time.time() - 600) < 20
    handshakes = (await whatsapp.phones.stats()).handshakes

    seen = await restart(whatsapp)

    again = await told(whatsapp, Reason.TEMPORARY_BAN, after=seen)
    assert again.status is SessionStatus.BANNED
    assert (
        abs((again.retry_at or 0) - (banned.retry_at or 0)) < 10_000
    )  # kept as what was left, written and read late
    assert (await whatsapp.phones.stats()).handshakes == handshakes


async def test_a_ban_ends_to_the_second(whatsapp: WhatsApp) -> None:
    await linked(whatsapp)
    await whatsapp.phones.add_fault(FaultKind.BANNED, number=PHONE, expire_s=4, times=1)
    await whatsapp.phones.drop(PHONE)
    banned = await told(whatsapp, Reason.TEMPORARY_BAN)
    seen = len(whatsapp.bus.events)

    connected = await whatsapp.bus.event(Connected, SALON, after=seen)

    assert banned.retry_at is not None
    assert connected.timestamp >= banned.retry_at


async def test_a_thaw_respects_what_is_left_of_a_ban(idle_whatsapp: WhatsApp) -> None:
    whatsapp = idle_whatsapp
    whatsapp.start()
    await linked(whatsapp)
    await whatsapp.phones.add_fault(FaultKind.BANNED, number=PHONE, expire_s=600)
    await whatsapp.phones.drop(PHONE)
    banned = await told(whatsapp, Reason.TEMPORARY_BAN)
    handshakes = (await whatsapp.phones.stats()).handshakes
    await whatsapp.bus.result(await whatsapp.bus.freeze(SALON), SALON)
    seen = len(whatsapp.bus.events)

    await whatsapp.bus.result(await whatsapp.bus.thaw(SALON), SALON)

    still = await told(whatsapp, Reason.TEMPORARY_BAN, after=seen)
    assert still.retry_at == banned.retry_at
    assert (await whatsapp.phones.stats()).handshakes == handshakes


async def test_a_replaced_session_opens_neither_at_a_restart_nor_at_a_thaw(
    idle_whatsapp: WhatsApp,
) -> None:
    whatsapp = idle_whatsapp
    whatsapp.start()
    device = await linked(whatsapp)
    await whatsapp.phones.replace(PHONE, device)
    await told(whatsapp, Reason.REPLACED)
    logins = (await whatsapp.phones.stats()).logins

    seen = await restart(whatsapp)
    assert (await told(whatsapp, Reason.REPLACED, seen)).status is SessionStatus.REPLACED
    await whatsapp.bus.result(await whatsapp.bus.freeze(SALON), SALON)
    seen = len(whatsapp.bus.events)
    await whatsapp.bus.result(await whatsapp.bus.thaw(SALON), SALON)

    assert (await told(whatsapp, Reason.REPLACED, seen)).status is SessionStatus.REPLACED
    assert (await whatsapp.phones.stats()).logins == logins


async def test_linking_anew_leaves_nothing_of_the_old_device(whatsapp: WhatsApp) -> None:
    device = await linked(whatsapp)
    await whatsapp.phones.replace(PHONE, device)
    await told(whatsapp, Reason.REPLACED)

    await whatsapp.link_by_qr(SALON, OTHER_PHONE)

    def only_the_new_one() -> bool:
        with psycopg.connect(whatsapp.environment["DATABASE_URL"]) as connection:
            rows = connection.execute("SELECT jid FROM whatsmeow_device").fetchall()
        return [row[0].partition(":")[0] for row in rows] == [OTHER_PHONE]

    await wait_until(only_the_new_one)


async def test_a_connection_that_flaps_is_left_alone_after_five_times(
    idle_whatsapp: WhatsApp,
) -> None:
    whatsapp = idle_whatsapp
    whatsapp.start(**{**QUICK, "RECONNECT_SLOW_S": "5"})
    await linked(whatsapp)
    seen = len(whatsapp.bus.events)
    fault = await whatsapp.phones.add_fault(FaultKind.FLAPPING, number=PHONE, delay_s=0.5)
    await whatsapp.phones.drop(PHONE)

    flapping = await told(whatsapp, Reason.FLAPPING, after=seen)

    await whatsapp.phones.remove_fault(fault.id)
    assert flapping.status is SessionStatus.RECONNECTING
    assert flapping.retry_at is not None
    left_alone = whatsapp.bus.events.index(flapping)
    back = await whatsapp.bus.event(Connected, SALON, after=left_alone)
    assert back.timestamp >= flapping.retry_at
    opened = [it for it in whatsapp.bus.events[seen:left_alone] if isinstance(it, Connected)]
    assert len(opened) <= 5


async def test_a_login_that_is_refused_again_and_again_ends_the_link_and_is_tried_hourly(
    idle_whatsapp: WhatsApp,
) -> None:
    whatsapp = idle_whatsapp
    whatsapp.start(**QUICK)
    await linked(whatsapp)
    await whatsapp.phones.add_fault(FaultKind.REFUSED, number=PHONE, reason=409)
    await whatsapp.phones.drop(PHONE)

    refused = await whatsapp.bus.status(SessionStatus.LOGGED_OUT, SALON)

    assert refused.reason == Reason.REFUSED
    assert 3_500 < (refused.retry_at or 0) / 1000 - time.time() <= 3_600
    assert (await whatsapp.phones.stats()).refused == 4


async def test_a_refusal_of_which_the_library_says_nothing_is_known_and_ends_nobody_else(
    idle_whatsapp: WhatsApp,
) -> None:
    """At 413 and 414 it would end the process."""
    whatsapp = idle_whatsapp
    whatsapp.start(**QUICK)
    await linked(whatsapp)
    await whatsapp.link_by_qr(OTHER_SALON, OTHER_PHONE)
    logins = (await whatsapp.phones.stats()).logins

    async def refuse(salon: SessionId, phone: str, code: int) -> None:
        seen = len(whatsapp.bus.events)
        await whatsapp.phones.add_fault(FaultKind.REFUSED, number=phone, reason=code, times=1)
        await whatsapp.phones.drop(phone)
        refused = await told(whatsapp, Reason.REFUSED, seen, salon)
        assert refused.status is SessionStatus.RECONNECTING
        await whatsapp.bus.event(Connected, salon, after=seen)

    for code in (415, 413):
        await refuse(SALON, PHONE, code)
    for code in (418, 414):
        await refuse(OTHER_SALON, OTHER_PHONE, code)

    assert (await whatsapp.phones.stats()).logins == logins + 4
    assert whatsapp.process.terminate() == 0


async def test_credentials_that_the_library_would_stumble_over_end_only_their_own_session(
    idle_whatsapp: WhatsApp,
) -> None:
    whatsapp = idle_whatsapp
    whatsapp.start()
    await linked(whatsapp)
    await whatsapp.link_by_qr(OTHER_SALON, OTHER_PHONE)
    with psycopg.connect(whatsapp.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "UPDATE whatsmeow_device SET lid = '1:none@lid' WHERE jid LIKE %s", [f"{PHONE}%"]
        )

    await whatsapp.phones.drop(PHONE)
    seen = await restart(whatsapp)

    ended = await told(whatsapp, Reason.CREDENTIALS_BROKEN, after=seen)
    assert ended.status is SessionStatus.LOGGED_OUT
    await whatsapp.bus.event(Connected, OTHER_SALON, after=seen)
    await whatsapp.link_by_qr(SALON, PHONE)


@dataclass(frozen=True)
class Row:
    """How one row of the table is made."""

    reason: Reason
    make: Callable[[WhatsApp, int], Awaitable[object]]
    status: SessionStatus = SessionStatus.LOGGED_OUT


def refusing(code: int) -> Callable[[WhatsApp, int], Awaitable[object]]:
    async def make(whatsapp: WhatsApp, _device: int) -> None:
        await whatsapp.phones.add_fault(FaultKind.REFUSED, number=PHONE, reason=code)
        await whatsapp.phones.drop(PHONE)

    return make


ROWS = [
    Row(Reason.DEVICE_REMOVED, lambda it, device: it.phones.unlink(PHONE, device)),
    Row(Reason.LOGGED_OUT, lambda it, device: it.phones.forget_keys(PHONE, device)),
    Row(Reason.ACCOUNT_LOCKED, refusing(403)),
    Row(Reason.ACCOUNT_BANNED, refusing(406)),
    Row(Reason.SERVER_ERROR, refusing(503), SessionStatus.RECONNECTING),
    Row(
        Reason.STREAM_ERROR,
        lambda it, device: it.phones.end_stream(PHONE, device, "500"),
        SessionStatus.RECONNECTING,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.reason)
async def test_each_end_has_its_own_reason(whatsapp: WhatsApp, row: Row) -> None:
    device = await linked(whatsapp)

    await row.make(whatsapp, device)

    assert (await told(whatsapp, row.reason)).status is row.status
