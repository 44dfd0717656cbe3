"""What the network does to one linked device on demand."""

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from sandbox.whatsapp_network.control_client import ControlClient, ControlError
from sandbox.whatsapp_network.faults import FaultKind
from sandbox.whatsapp_network.service import Service
from tests.support.whatsapp_companion import CompanionClient
from tests.support.whatsapp_in_process import NUMBER


@pytest.fixture
async def linked(service: Service, control: ControlClient) -> CompanionClient:
    """Device 1 of a phone."""
    await control.create_phone(NUMBER)
    companion = CompanionClient(service.chat_port)
    async with companion.offer() as (session, qrs):
        scan = asyncio.create_task(control.scan(NUMBER, qrs[0]))
        await companion.accept(session)
        await scan
    return companion


async def test_a_stream_ends_with_the_code_that_was_asked_for(
    control: ControlClient, linked: CompanionClient
) -> None:
    async with linked.connect(linked.login(NUMBER)) as session:
        await session.receive()
        await session.receive()
        await control.end_stream(NUMBER, 1, "500")
        assert (await session.receive()).text("code") == "500"
    with pytest.raises(ControlError, match="BAD_REQUEST"):
        await control.end_stream(NUMBER, 1, "none")
    with pytest.raises(ControlError, match="DEVICE_UNKNOWN"):
        await control.end_stream(NUMBER, 2, "500")


async def test_a_device_whose_keys_are_forgotten_stays_listed_and_is_refused(
    control: ControlClient, linked: CompanionClient
) -> None:
    await control.forget_keys(NUMBER, 1)

    async with linked.connect(linked.login(NUMBER)) as session:
        failure = await session.receive()

    assert (failure.tag, failure.text("reason")) == ("failure", "401")
    assert len((await control.phone(NUMBER)).devices) == 1


async def test_a_flapping_login_works_and_is_cut(
    control: ControlClient, linked: CompanionClient
) -> None:
    fault = await control.add_fault(FaultKind.FLAPPING, number=NUMBER, delay_s=0.01)
    async with linked.connect(linked.login(NUMBER)) as session:
        assert (await session.receive()).tag == "success"
        assert (await session.receive()).tag == "ib"
        with pytest.raises(ConnectionClosed):
            await session.receive()

    await control.remove_fault(fault.id)
    async with linked.connect(linked.login(NUMBER)) as session:
        assert (await session.receive()).tag == "success"
