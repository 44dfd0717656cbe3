"""Linking a salon with the real library, by QR and by code."""

import asyncio

import httpx2
import pytest

from sandbox.services.loopback import NOBODY
from sandbox.whatsapp_network.control_client import ControlError
from sandbox.whatsapp_network.faults import FaultKind
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.errors import ErrorCode
from shared.messages.events import (
    Connected,
    Logout,
    PairingCode,
    PairingCodeError,
    Qr,
)
from shared.messages.status import Reason, SessionStatus
from tests.acceptance.conftest import WhatsApp
from tests.support.waiting import PATIENCE_S, wait_until

SALON, OTHER_SALON = SessionId("company_1001"), SessionId("company_1002")
PHONE, OTHER_PHONE = "79990000001", "79990000002"


async def test_a_scanned_qr_links_with_exactly_the_expected_logins(whatsapp: WhatsApp) -> None:
    connected = await whatsapp.link_by_qr(SALON, PHONE)

    assert connected.phone_number == PHONE
    present = await whatsapp.bus.present_state(SALON)
    assert present.snapshot is not None
    assert present.snapshot.connected
    assert (present.qr, present.code) == (None, None)
    stats = await whatsapp.phones.stats()
    assert (stats.replaced, stats.pairings, stats.refused) == (0, 1, 0)
    assert stats.handshakes == 3  # pairing, first login in the child, the session
    assert stats.logins == 2
    assert stats.online_devices == 1
    assert (await whatsapp.health(SALON))["connected"] is True


async def test_before_the_phone_accepts_nothing_says_connected(whatsapp: WhatsApp) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    await whatsapp.bus.status(SessionStatus.CONNECTED, SALON)

    statuses = whatsapp.bus.statuses(SALON)

    linking = statuses.index(SessionStatus.LINKING)
    assert SessionStatus.CONNECTED not in statuses[: linking + 1]
    assert statuses[-1] is SessionStatus.CONNECTED


async def test_a_typed_code_links(whatsapp: WhatsApp) -> None:
    await whatsapp.phones.create_phone(PHONE)
    command_id = await whatsapp.bus.request_code(SALON, PHONE)
    code = await whatsapp.bus.event(PairingCode, SALON)

    assert code.command_id == command_id
    assert code.phone_number == PHONE
    assert 45 <= code.expires_in <= 50
    present = await whatsapp.bus.present_state(SALON)
    assert present.code is not None
    assert present.snapshot is not None
    assert (present.snapshot.status, present.snapshot.connected) == (SessionStatus.PAIRING, False)

    await whatsapp.phones.type_code(PHONE, code.code)

    assert (await whatsapp.bus.event(Connected, SALON)).phone_number == PHONE
    assert (await whatsapp.phones.stats()).replaced == 0


async def test_a_mistyped_code_harms_nothing(whatsapp: WhatsApp) -> None:
    await whatsapp.phones.create_phone(PHONE)
    await whatsapp.bus.request_code(SALON, PHONE)
    code = await whatsapp.bus.event(PairingCode, SALON)

    with pytest.raises(ControlError) as refused:
        await whatsapp.phones.type_code(PHONE, "ZZZZ-ZZZZ")
    assert refused.value.code == "CODE_WRONG"
    await whatsapp.phones.type_code(PHONE, code.code)

    await whatsapp.bus.event(Connected, SALON)


async def test_a_code_for_another_number_is_of_no_use(whatsapp: WhatsApp) -> None:
    await whatsapp.phones.create_phone(PHONE)
    await whatsapp.phones.create_phone(OTHER_PHONE)
    await whatsapp.bus.request_code(SALON, PHONE)
    code = await whatsapp.bus.event(PairingCode, SALON)

    with pytest.raises(ControlError):
        await whatsapp.phones.type_code(OTHER_PHONE, code.code)

    assert (await whatsapp.phones.stats()).pairings == 0


async def test_a_number_without_whatsapp_gets_an_error_and_the_qr_stays(
    whatsapp: WhatsApp,
) -> None:
    command_id = await whatsapp.bus.request_code(SALON, "79990000099")

    error = await whatsapp.bus.event(PairingCodeError, SALON)

    assert (error.code, error.command_id) == (ErrorCode.BAILEYS_ERROR, command_id)
    qr = (await whatsapp.bus.present_state(SALON)).qr
    assert qr is not None
    await whatsapp.phones.create_phone(PHONE)
    await whatsapp.phones.scan(PHONE, qr.qr)
    await whatsapp.bus.event(Connected, SALON)


async def test_the_same_number_again_gets_the_same_code_with_the_time_left(
    whatsapp: WhatsApp,
) -> None:
    await whatsapp.phones.create_phone(PHONE)
    await whatsapp.bus.request_code(SALON, PHONE)
    first = await whatsapp.bus.event(PairingCode, SALON)
    handshakes = (await whatsapp.phones.stats()).handshakes

    again = await whatsapp.bus.request_code(SALON, PHONE)
    second = await whatsapp.bus.event(
        PairingCode, SALON, where=lambda event: event.command_id == again
    )

    assert (second.code, second.expires_at) == (first.code, first.expires_at)
    assert (await whatsapp.phones.stats()).handshakes == handshakes


async def test_another_number_replaces_the_code(whatsapp: WhatsApp) -> None:
    await whatsapp.phones.create_phone(PHONE)
    await whatsapp.phones.create_phone(OTHER_PHONE)
    await whatsapp.bus.request_code(SALON, PHONE)
    first = await whatsapp.bus.event(PairingCode, SALON)

    await whatsapp.bus.request_code(SALON, OTHER_PHONE)
    second = await whatsapp.bus.event(
        PairingCode, SALON, where=lambda event: event.phone_number == OTHER_PHONE
    )

    assert second.code != first.code
    await whatsapp.phones.type_code(OTHER_PHONE, second.code)
    assert (await whatsapp.bus.event(Connected, SALON)).phone_number == OTHER_PHONE


async def test_two_numbers_at_once_give_one_code_and_one_refusal(whatsapp: WhatsApp) -> None:
    """The network is slow: no code is there before the second number is asked for."""
    await whatsapp.phones.create_phone(PHONE)
    await whatsapp.phones.create_phone(OTHER_PHONE)
    await whatsapp.phones.add_fault(FaultKind.HELD)

    asked = {
        PHONE: await whatsapp.bus.request_code(SALON, PHONE),
        OTHER_PHONE: await whatsapp.bus.request_code(SALON, OTHER_PHONE),
    }

    error = await whatsapp.bus.event(PairingCodeError, SALON)
    await whatsapp.phones.clear_faults()
    code = await whatsapp.bus.event(PairingCode, SALON)
    assert error.code is ErrorCode.REQUEST_IN_PROGRESS
    assert asked[code.phone_number] == code.command_id
    assert {code.command_id, error.command_id} == set(asked.values())


@pytest.mark.timeout(300)
async def test_a_code_works_50_s_after_it_was_shown_while_the_qr_beside_it_changes(
    whatsapp: WhatsApp,
) -> None:
    # Five texts instead of six: then the library changes them every 20 s from the start.
    await whatsapp.phones.change_settings(qr_refs=5)
    await whatsapp.phones.create_phone(PHONE)
    await whatsapp.bus.request_code(SALON, PHONE)
    code = await whatsapp.bus.event(PairingCode, SALON)
    shown_at = now_ms()

    def texts() -> set[str]:
        return {event.qr for event in whatsapp.bus.events if isinstance(event, Qr)}

    await wait_until(lambda: len(texts()) >= 3, 60, "the QR has changed twice")
    assert (await whatsapp.bus.present_state(SALON)).qr is not None
    await wait_until(lambda: now_ms() - shown_at >= 49_000, 30, "50 s have passed")

    assert not [event for event in whatsapp.bus.events if isinstance(event, Connected)]
    assert SessionStatus.CONNECTED not in whatsapp.bus.statuses(SALON)
    await whatsapp.phones.type_code(PHONE, code.code)
    await whatsapp.bus.event(Connected, SALON)


async def test_beyond_the_capacity_a_salon_sees_its_place_and_then_its_turn(
    idle_whatsapp: WhatsApp,
) -> None:
    whatsapp = idle_whatsapp
    whatsapp.start(LINKER_CAPACITY="1")
    await whatsapp.phones.create_phone(PHONE)
    await whatsapp.bus.request_qr(SALON)
    qr = await whatsapp.bus.event(Qr, SALON)
    await whatsapp.bus.request_qr(OTHER_SALON)

    queued = await whatsapp.bus.status(SessionStatus.QUEUED, OTHER_SALON)
    assert queued.queue_position == 1
    await whatsapp.phones.scan(PHONE, qr.qr)

    await whatsapp.bus.event(Qr, OTHER_SALON)
    assert whatsapp.process.terminate() == 0


async def test_beyond_the_queue_whoever_waits_for_a_code_is_told_why(
    idle_whatsapp: WhatsApp,
) -> None:
    whatsapp = idle_whatsapp
    whatsapp.start(LINKER_CAPACITY="1", LINKER_QUEUE_LIMIT="0")
    await whatsapp.bus.request_qr(SALON)
    await whatsapp.bus.event(Qr, SALON)

    await whatsapp.bus.request_code(OTHER_SALON, PHONE)

    error = await whatsapp.bus.event(PairingCodeError, OTHER_SALON)
    assert error.code is ErrorCode.LINKER_QUEUE_FULL


async def test_a_store_that_cannot_be_prepared_is_seen_in_health(
    idle_whatsapp: WhatsApp,
) -> None:
    whatsapp = idle_whatsapp
    environment = {
        **whatsapp.environment,
        "WHATSAPP_STORE_URL": "postgres://nobody@127.0.0.1:1/nothing",
    }
    whatsapp.start_process("whatsapp_service", environment)

    async with httpx2.AsyncClient(verify=NOBODY, trust_env=False, timeout=PATIENCE_S) as http:

        async def answer() -> httpx2.Response | None:
            try:
                return await http.get(f"{whatsapp.url}/health")
            except httpx2.TransportError:
                return None

        health = await wait_until(answer, what="health")

    assert health is not None
    assert health.status_code == httpx2.codes.SERVICE_UNAVAILABLE
    assert health.json()["status"] == "starting"
    assert health.json()["checks"]["credentialStore"] == "not prepared"


@pytest.mark.timeout(300)
async def test_ten_salons_link_at_once(whatsapp: WhatsApp) -> None:
    salons = {SessionId(f"company_{2000 + n}"): f"799900001{n:02}" for n in range(10)}

    await asyncio.gather(*(whatsapp.link_by_qr(*pair) for pair in salons.items()))

    stats = await whatsapp.phones.stats()
    assert (stats.replaced, stats.pairings, stats.logins) == (0, 10, 20)
    assert stats.online_devices == 10


async def test_a_linked_salon_is_not_linked_twice(whatsapp: WhatsApp) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    handshakes = (await whatsapp.phones.stats()).handshakes

    await whatsapp.bus.request_qr(SALON)
    await whatsapp.bus.request_code(SALON, PHONE)

    error = await whatsapp.bus.event(PairingCodeError, SALON)
    assert error.code is ErrorCode.ALREADY_CONNECTED
    assert (await whatsapp.phones.stats()).handshakes == handshakes


async def test_unlinking_on_the_phone_is_told_and_forgotten(whatsapp: WhatsApp) -> None:
    await whatsapp.link_by_qr(SALON, PHONE)
    [device] = (await whatsapp.phones.phone(PHONE)).devices

    await whatsapp.phones.unlink(PHONE, device.device)

    await whatsapp.bus.event(Logout, SALON)
    logged_out = await whatsapp.bus.status(SessionStatus.LOGGED_OUT, SALON)
    assert logged_out.reason == Reason.DEVICE_REMOVED
    present = await whatsapp.bus.present_state(SALON)
    assert present.snapshot is not None
    assert (present.snapshot.connected, present.snapshot.phone_number) == (False, None)
    again = await whatsapp.link_by_qr(SALON, OTHER_PHONE)
    assert again.phone_number == OTHER_PHONE


async def test_an_unreachable_whatsapp_is_an_error_with_a_reason(whatsapp: WhatsApp) -> None:
    await whatsapp.phones.add_fault(FaultKind.UNREACHABLE)

    await whatsapp.bus.request_qr(SALON)

    error = await whatsapp.bus.status(SessionStatus.ERROR, SALON)
    assert error.reason == Reason.WHATSAPP_UNREACHABLE


async def test_an_outdated_client_is_told_apart(whatsapp: WhatsApp) -> None:
    await whatsapp.phones.add_fault(FaultKind.OUTDATED)

    await whatsapp.bus.request_qr(SALON)

    await whatsapp.bus.status(SessionStatus.OUTDATED, SALON)
