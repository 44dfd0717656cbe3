"""An account that WhatsApp asks for a passkey: the library cannot link it, and the page says so."""

import pytest

from sandbox.whatsapp_network.control_client import ControlError
from shared.company_id import SessionId
from shared.messages.events import PairingCode, Qr
from shared.messages.status import Reason, SessionStatus
from tests.acceptance.conftest import WhatsApp

SALON = SessionId("company_1001")
PHONE, OTHER_PHONE = "79990000001", "79990000002"


async def test_a_passkey_is_recognised_by_qr_and_by_code_and_another_number_links(
    whatsapp: WhatsApp,
) -> None:
    await whatsapp.phones.create_phone(PHONE, passkey_required=True)

    await whatsapp.bus.request_qr(SALON)
    qr = await whatsapp.bus.event(Qr, SALON)
    with pytest.raises(ControlError, match="PASSKEY_REQUIRED"):
        await whatsapp.phones.scan(PHONE, qr.qr)
    await assert_explained(whatsapp, after=0)

    seen = len(whatsapp.bus.events)
    await whatsapp.bus.request_code(SALON, PHONE)
    code = await whatsapp.bus.event(PairingCode, SALON, after=seen)
    with pytest.raises(ControlError, match="PASSKEY_REQUIRED"):
        await whatsapp.phones.type_code(PHONE, code.code)
    await assert_explained(whatsapp, after=seen)

    connected = await whatsapp.link_by_qr(SALON, OTHER_PHONE)
    assert connected.phone_number == OTHER_PHONE
    assert (await whatsapp.phones.phone(PHONE)).devices == []


async def assert_explained(whatsapp: WhatsApp, after: int) -> None:
    ended = await whatsapp.bus.status(SessionStatus.ERROR, SALON, after=after)
    assert ended.reason == Reason.PASSKEY_REQUIRED
