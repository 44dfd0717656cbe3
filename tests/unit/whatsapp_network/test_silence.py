"""Lines that go dark while the network is well, and signs of life of the phone."""

import asyncio

import pytest

from sandbox.whatsapp_network import silence
from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.faults import FaultKind, FaultSpec
from sandbox.whatsapp_network.jid import SERVER
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.node import Node
from sandbox.whatsapp_network.phone_signs import CLIENT, Sign, give_sign
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_companion import CompanionClient, Session
from tests.support.whatsapp_in_process import NUMBER, link

SOON_S = 0.2
"""Silence is believed after so long; an answer has all the time that there is."""


def question(xmlns: str, kind: str, *children: Node) -> Node:
    return Node("iq", {"to": SERVER, "id": xmlns, "xmlns": xmlns, "type": kind}, list(children))


PING = question("w:p", "get")
ACTIVE = question("passive", "set", Node("active"))


async def welcomed(session: Session) -> None:
    assert (await session.receive()).tag == "success"
    assert (await session.receive()).tag == "ib"


async def answered(session: Session, asked: Node, within_s: float = PATIENCE_S) -> bool:
    await session.send(asked)
    try:
        async with asyncio.timeout(within_s):
            return (await session.receive()).text("id") == asked.text("id")
    except TimeoutError:
        return False


def darken(network: Network, kind: FaultKind) -> None:
    network.faults.add(FaultSpec(kind=kind, number=NUMBER))
    silence.take_effect(network)


@pytest.mark.parametrize(
    ("kind", "pings_answered"),
    [(FaultKind.SWALLOWED, False), (FaultKind.PINGS_ONLY, True), (FaultKind.GONE, False)],
)
async def test_a_dark_line_stays_open_and_a_new_one_is_in_order(
    network: Network, companion: CompanionClient, kind: FaultKind, pings_answered: bool
) -> None:
    await link(network, companion)
    async with companion.connect(companion.login(NUMBER)) as dark:
        await welcomed(dark)
        assert await answered(dark, ACTIVE)
        darken(network, kind)

        waits_s = PATIENCE_S if pings_answered else SOON_S
        assert await answered(dark, PING, waits_s) is pings_answered
        assert not await answered(dark, ACTIVE, SOON_S)
        assert dark.socket.state.name == "OPEN"
        if kind is not FaultKind.GONE:
            await dark.socket.close()
        await wait_until(lambda: network.stats().online_devices == 0)
        async with companion.connect(companion.login(NUMBER)) as fresh:
            await welcomed(fresh)
            assert await answered(fresh, ACTIVE)
        network.faults.clear()
        silence.take_effect(network)
    assert network.stats().replaced == 0


async def test_a_swallowed_line_is_answered_again_when_the_fault_is_cleared(
    network: Network, companion: CompanionClient
) -> None:
    await link(network, companion)
    async with companion.connect(companion.login(NUMBER)) as session:
        await welcomed(session)
        darken(network, FaultKind.SWALLOWED)
        assert not await answered(session, ACTIVE, SOON_S)

        network.faults.clear()
        silence.take_effect(network)

        assert await answered(session, ACTIVE)


async def test_a_line_with_nobody_at_its_end_is_reset_when_the_fault_is_cleared(
    network: Network, companion: CompanionClient
) -> None:
    await link(network, companion)
    async with companion.connect(companion.login(NUMBER)) as session:
        await welcomed(session)
        darken(network, FaultKind.GONE)
        assert network.stats().online_devices == 0

        network.faults.clear()
        silence.take_effect(network)

        await session.closed()
    await wait_until(lambda: not network.connections)
    assert network.journal.counts["left"] == 1


async def test_devices_hear_that_a_chat_was_read_or_written_in_on_the_phone(
    network: Network, companion: CompanionClient
) -> None:
    await link(network, companion)
    account = network.account(NUMBER)
    async with companion.connect(companion.login(NUMBER)) as session:
        await welcomed(session)

        assert await give_sign(network, account, Sign.READ, None) == 1
        read = await session.receive()
        assert await give_sign(network, account, Sign.WROTE, 1) == 1
        wrote = await session.receive()

    assert (read.tag, read.text("type")) == ("receipt", "read-self")
    assert (wrote.tag, wrote.require("enc").text("type")) == ("message", "pkmsg")
    for sign in (read, wrote):
        assert (sign.jid("from"), sign.jid("recipient")) == (account.jid(), CLIENT)


async def test_nobody_hears_a_sign_while_no_device_is_there(
    network: Network, companion: CompanionClient
) -> None:
    await link(network, companion)
    account = network.account(NUMBER)
    assert await give_sign(network, account, Sign.READ, None) == 0
    with pytest.raises(NetworkError) as caught:
        await give_sign(network, account, Sign.READ, 7)
    assert caught.value.code is Code.DEVICE_UNKNOWN
