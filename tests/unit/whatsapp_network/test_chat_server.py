"""The network as one client sees it: linking, login, and what a true server must refuse."""

import asyncio

import pytest
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from sandbox.whatsapp_network.curve25519 import KeyPair
from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.faults import FaultKind, FaultSpec
from sandbox.whatsapp_network.frames import HEADER, pack
from sandbox.whatsapp_network.jid import SERVER, Jid
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.node import Node
from tests.support.waiting import wait_until
from tests.support.whatsapp_companion import CompanionClient
from tests.support.whatsapp_in_process import NUMBER, Clock, link, phone_of


async def test_linked_device_logs_in(network: Network, companion: CompanionClient) -> None:
    await link(network, companion)
    async with companion.connect(companion.login(NUMBER)) as session:
        success, offline = await session.receive(), await session.receive()
        assert success.tag == "success"
        assert success.jid("lid") == network.account(NUMBER).lid_jid(1)
        assert offline.require("offline").text("count") == "0"
        assert network.stats().online_devices == 1
    await wait_until(lambda: network.stats().online_devices == 0)


async def test_scanned_client_is_told_to_log_in_anew(
    network: Network, companion: CompanionClient
) -> None:
    async with companion.offer() as (session, qrs), asyncio.TaskGroup() as group:
        group.create_task(phone_of(network).scan(qrs[0]))
        await companion.accept(session)
        error = await session.receive()
    assert (error.tag, error.text("code")) == ("stream:error", "515")


async def test_device_that_signs_with_a_foreign_key_is_not_linked(
    network: Network, companion: CompanionClient
) -> None:
    async with companion.offer() as (session, qrs):
        scan = asyncio.create_task(phone_of(network).scan(qrs[0]))
        await companion.accept(session, signer=KeyPair())
        with pytest.raises(NetworkError) as caught:
            await scan
    assert caught.value.code is Code.LINK_REFUSED
    assert network.stats().linked_devices == 0


async def test_client_that_does_not_answer_the_phone_is_not_linked(
    network: Network, companion: CompanionClient
) -> None:
    async with companion.offer() as (_, qrs):
        network.settings.request_deadline_s = 0.01
        with pytest.raises(NetworkError) as caught:
            await phone_of(network).scan(qrs[0])
    assert caught.value.code is Code.LINK_TIMEOUT


async def test_client_that_leaves_within_linking(
    network: Network, companion: CompanionClient
) -> None:
    async with companion.offer() as (session, qrs):
        scan = asyncio.create_task(phone_of(network).scan(qrs[0]))
        await session.receive()
    with pytest.raises(NetworkError) as caught:
        await scan
    assert caught.value.code is Code.LINK_LOST


async def test_qr_with_other_keys_than_the_handshakes_is_refused(
    network: Network, companion: CompanionClient
) -> None:
    async with companion.offer() as (_, qrs):
        ref = qrs[0].partition(",")[0]
        companion.identity = KeyPair()
        with pytest.raises(NetworkError) as caught:
            await phone_of(network).scan(companion.qr_text(ref))
    assert caught.value.code is Code.QR_MISMATCH


@pytest.mark.parametrize(
    ("index", "after_s", "code"),
    [
        (0, 60.9, None),
        (0, 61.1, Code.QR_EXPIRED),
        (1, 59.9, Code.QR_NOT_YET_VALID),
        (1, 60.0, None),
        (1, 81.1, Code.QR_EXPIRED),
        (5, 160.9, None),
        (5, 161.1, Code.QR_EXPIRED),
    ],
)
async def test_each_qr_is_valid_in_its_own_window(
    network: Network,
    companion: CompanionClient,
    clock: Clock,
    index: int,
    after_s: float,
    code: Code | None,
) -> None:
    async with companion.offer() as (session, qrs):
        clock.now_s += after_s
        scan = asyncio.create_task(phone_of(network).scan(qrs[index]))
        if code is None:
            await companion.accept(session)
            await scan
            return
        with pytest.raises(NetworkError) as caught:
            await scan
    assert caught.value.code is code


async def test_stream_ends_after_the_last_qr(network: Network, companion: CompanionClient) -> None:
    network.settings = network.settings.model_copy(
        update={"qr_refs": 1, "qr_first_window_s": 0.0, "qr_grace_s": 0.0}
    )
    async with companion.offer() as (session, qrs):
        assert (await session.receive()).tag == "xmlstreamend"
        with pytest.raises(ConnectionClosed):
            await session.receive()
    with pytest.raises(NetworkError) as caught:
        await phone_of(network).scan(qrs[0])
    assert caught.value.code is Code.QR_EXPIRED


@pytest.mark.parametrize("text", ["", "https://example.com", "1,2,3", "ref,!,!,!", "2@x,aa,aa"])
async def test_text_that_is_no_qr_is_refused(network: Network, text: str) -> None:
    with pytest.raises(NetworkError) as caught:
        await phone_of(network).scan(text)
    assert caught.value.code is Code.QR_INVALID


async def test_unknown_ref_is_refused(network: Network, companion: CompanionClient) -> None:
    with pytest.raises(NetworkError) as caught:
        await phone_of(network).scan(companion.qr_text("2@unknown"))
    assert caught.value.code is Code.QR_UNKNOWN


async def test_unsigned_prekey_is_refused(companion: CompanionClient) -> None:
    companion.prekey_signature = KeyPair().sign(b"\x05" + companion.prekey.public)
    async with companion.connect(companion.registration()) as session:
        failure = await session.receive()
    assert (failure.tag, failure.text("reason")) == ("failure", "400")


async def test_stranger_cannot_log_in(companion: CompanionClient) -> None:
    async with companion.connect(companion.login(NUMBER)) as session:
        assert (await session.receive()).text("reason") == "401"


async def test_device_with_another_noise_key_cannot_log_in(
    network: Network, companion: CompanionClient
) -> None:
    await link(network, companion)
    companion.static = KeyPair()
    async with companion.connect(companion.login(NUMBER)) as session:
        assert (await session.receive()).text("reason") == "401"
    assert network.stats().logins == 0


async def test_second_login_replaces_the_first(
    network: Network, companion: CompanionClient
) -> None:
    await link(network, companion)
    login = companion.login(NUMBER)
    async with companion.connect(login) as first:
        await first.receive()
        await first.receive()
        async with companion.connect(login) as second:
            error = await first.receive()
            assert error.require("conflict").text("type") == "replaced"
            assert (await second.receive()).tag == "success"
    assert network.stats().replaced == 1


async def test_unlinked_client_gets_no_answers_meant_for_devices(
    network: Network, companion: CompanionClient
) -> None:
    async with companion.offer() as (session, _):
        await session.ask("w:p", "get", Node("ping"))
        assert network.stats().unknown_stanzas == 0
        await session.ask("encrypt", "get", Node("count"))
        assert network.stats().unknown_stanzas == 1


async def test_stanza_nobody_understands_is_recorded_and_named(
    network: Network, companion: CompanionClient
) -> None:
    await link(network, companion)
    async with companion.connect(companion.login(NUMBER)) as session:
        await session.send(Node("call", {"id": "1"}))
        answer = await session.ask("w:novelty", "get", Node("thing"))
    assert answer.text("type") == "result"
    reasons = [each.reason for each in network.journal.unknown]
    assert reasons == ["no handler for <call>", "no answer to w:novelty/get/thing"]


async def test_reply_to_a_question_never_asked_is_recorded(
    network: Network, companion: CompanionClient
) -> None:
    await link(network, companion)
    async with companion.connect(companion.login(NUMBER)) as session:
        await session.send(Node("iq", {"id": "nobody", "type": "result", "to": SERVER}))
        await session.ask("w:p", "get", Node("ping"))
    assert network.stats().unknown_stanzas == 1


async def test_broken_stream_closes_that_connection_only(
    network: Network, companion: CompanionClient
) -> None:
    await link(network, companion)
    with structlog.testing.capture_logs() as logs:
        async with companion.connect(companion.login(NUMBER)) as session:
            await session.socket.send(pack(b"not encrypted"))
            await session.closed()
    assert [log["event"] for log in logs] == ["broken_connection"]
    async with companion.connect(companion.login(NUMBER)) as session:
        assert (await session.receive()).tag == "success"


async def greet_and_wait(socket: ClientConnection) -> None:
    await socket.send(HEADER)
    await socket.recv()


async def test_client_that_stops_within_the_handshake_is_let_go(
    network: Network, companion: CompanionClient
) -> None:
    network.settings.handshake_deadline_s = 0.05
    with structlog.testing.capture_logs():
        async with connect(companion._url, compression=None, proxy=None) as socket:
            with pytest.raises(ConnectionClosed):
                await greet_and_wait(socket)
    assert network.stats().handshakes == 0


async def test_mute_network_answers_nothing(network: Network, companion: CompanionClient) -> None:
    await link(network, companion)
    async with companion.connect(companion.login(NUMBER)) as session:
        await session.receive()
        fault = network.faults.add(FaultSpec(kind=FaultKind.MUTE, number=NUMBER))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await session.ask("w:p", "get", Node("ping"))
        network.faults.remove(fault.id)
        assert (await session.ask("w:p", "get", Node("ping"))).text("type") == "result"


async def test_held_network_answers_when_it_is_let(
    network: Network, companion: CompanionClient
) -> None:
    await link(network, companion)
    fault = network.faults.add(FaultSpec(kind=FaultKind.HELD, number=NUMBER))
    async with companion.connect(companion.login(NUMBER)) as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await session.receive()
        network.faults.remove(fault.id)
        assert (await session.receive()).tag == "success"


async def test_banned_device_hears_until_when(network: Network, companion: CompanionClient) -> None:
    await link(network, companion)
    network.faults.add(FaultSpec(kind=FaultKind.BANNED, number=NUMBER, expire_s=60, times=1))
    async with companion.connect(companion.login(NUMBER)) as session:
        failure = await session.receive()
    assert (failure.text("reason"), failure.text("expire")) == ("402", "60")


async def test_forgetting_everything_cuts_all_connections(
    network: Network, companion: CompanionClient
) -> None:
    await link(network, companion)
    root = network.authority.root.public
    async with companion.connect(companion.login(NUMBER)) as session:
        await session.receive()
        await network.forget_everything()
        await session.closed()
    assert network.accounts() == []
    assert network.stats().logins == 0
    assert network.authority.root.public == root


async def test_device_may_unlink_itself_and_nobody_else(
    network: Network, companion: CompanionClient
) -> None:
    await link(network, companion)
    async with companion.connect(companion.login(NUMBER)) as session:
        other = Node("remove-companion-device", {"jid": Jid(NUMBER, device=2)})
        refused = await session.ask("md", "set", other)
        assert refused.require("error").text("code") == "403"
        own = Node("remove-companion-device", {"jid": Jid(NUMBER, device=1)})
        assert (await session.ask("md", "set", own)).text("type") == "result"
    assert network.stats().linked_devices == 0
