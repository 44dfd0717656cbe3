"""What a logged-in device may ask: keys, users, settings."""

from collections.abc import AsyncIterator

import pytest

from sandbox.whatsapp_network.account import Companion
from sandbox.whatsapp_network.curve25519 import KeyPair, verify
from sandbox.whatsapp_network.jid import LIDS, SERVER, Jid
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.node import Node
from tests.support.waiting import wait_until
from tests.support.whatsapp_companion import CompanionClient, Session
from tests.support.whatsapp_in_process import NUMBER, link

NOBODY = "79990000009"


@pytest.fixture
async def device(network: Network, companion: CompanionClient) -> Companion:
    """Link the companion; its phone has nothing to send it."""
    await link(network, companion)
    device = network.companion(NUMBER, 1)
    device.first_sync_sent = True
    return device


@pytest.fixture
async def session(companion: CompanionClient, device: Companion) -> AsyncIterator[Session]:
    """The linked device, logged in."""
    async with companion.connect(companion.login(NUMBER, device.device)) as session:
        yield session


def number_bytes(number: int) -> bytes:
    return number.to_bytes(3, "big")


def signed_prekey(key_id: int, signer: KeyPair) -> Node:
    public = KeyPair().public
    signature = signer.sign(b"\x05" + public)
    content = [
        Node("id", content=number_bytes(key_id)),
        Node("value", content=public),
        Node("signature", content=signature),
    ]
    return Node("skey", content=content)


def upload(companion: CompanionClient, *prekeys: Node) -> list[Node]:
    return [
        Node("registration", content=(7).to_bytes(4, "big")),
        Node("type", content=b"\x05"),
        Node("identity", content=companion.identity.public),
        Node("list", content=list(prekeys)),
        signed_prekey(2, companion.identity),
    ]


def prekey(key_id: int, public: bytes = bytes(range(32))) -> Node:
    content = [Node("id", content=number_bytes(key_id)), Node("value", content=public)]
    return Node("key", content=content)


async def test_uploaded_prekeys_are_counted_and_given_out_once(
    session: Session, companion: CompanionClient
) -> None:
    keys = upload(companion, prekey(1), prekey(2))
    assert (await session.ask("encrypt", "set", *keys)).text("type") == "result"
    count = await session.ask("encrypt", "get", Node("count"))
    assert count.require("count").text("value") == "2"

    asked = Node("key", content=[Node("user", {"jid": Jid(NUMBER, device=1)})])
    given = []
    for _ in range(3):
        user = (await session.ask("encrypt", "get", asked)).require("list", "user")
        given.append(user.data("key", "id") if user.child("key") else None)
    assert given == [number_bytes(1), number_bytes(2), None]


async def test_first_upload_makes_the_phone_send_its_first_sync(
    session: Session, companion: CompanionClient, device: Companion
) -> None:
    device.first_sync_sent = False
    await session.ask("encrypt", "set", *upload(companion, prekey(1)))
    messages = [await session.receive() for _ in range(4)]
    assert {message.require("enc").text("type") for message in messages} == {"pkmsg"}
    await wait_until(lambda: device.first_sync_sent)


async def test_digest_tells_the_keys_the_server_holds(
    session: Session, companion: CompanionClient
) -> None:
    await session.ask("encrypt", "set", *upload(companion, prekey(5)))
    digest = (await session.ask("encrypt", "get", Node("digest"))).require("digest")
    assert digest.data("identity") == companion.identity.public
    assert digest.data("skey", "id") == number_bytes(2)
    assert [each.data() for each in digest.require("list").children] == [number_bytes(5)]


async def test_signed_prekey_is_changed_by_its_owner_only(
    session: Session, companion: CompanionClient, device: Companion
) -> None:
    forged = Node("rotate", content=[signed_prekey(3, KeyPair())])
    refused = await session.ask("encrypt", "set", forged)
    assert refused.require("error").text("code") == "406"

    await session.ask(
        "encrypt", "set", Node("rotate", content=[signed_prekey(4, companion.identity)])
    )
    assert device.signed_prekey.id == 4


@pytest.mark.parametrize("broken", [prekey(1, b"short"), prekey(2, b"")])
async def test_prekeys_of_a_wrong_size_are_refused(
    session: Session, companion: CompanionClient, broken: Node
) -> None:
    answer = await session.ask("encrypt", "set", *upload(companion, broken))
    assert answer.require("error").text("code") == "406"


async def test_phone_has_a_bundle_signed_by_its_identity(
    session: Session, network: Network
) -> None:
    asked = Node("key", content=[Node("user", {"jid": network.account(NUMBER).lid_jid()})])
    user = (await session.ask("encrypt", "get", asked)).require("list", "user")
    identity, key = user.data("identity"), user.data("skey", "value")
    assert verify(identity, b"\x05" + key, user.data("skey", "signature"))


async def test_nobody_has_no_bundle(session: Session) -> None:
    asked = Node("key", content=[Node("user", {"jid": Jid(NOBODY)})])
    user = (await session.ask("encrypt", "get", asked)).require("list", "user")
    assert user.require("error").text("code") == "404"


async def test_usync_tells_devices_with_their_key_index_and_the_lid(
    session: Session, network: Network
) -> None:
    query = Node("query", content=[Node("devices", {"version": "2"}), Node("lid")])
    users = Node("list", content=[Node("user", {"jid": Jid(NUMBER)})])
    usync = Node("usync", {"mode": "query", "context": "message"}, [query, users])
    user = (await session.ask("usync", "get", usync)).require("usync", "list", "user")

    devices = user.require("devices", "device-list").children
    assert [dict(each.attrs) for each in devices] == [{"id": "0"}, {"id": "1", "key-index": "1"}]
    assert user.require("lid").jid("val") == network.account(NUMBER).lid_jid()


@pytest.mark.parametrize(("number", "there"), [(NUMBER, "in"), (NOBODY, "out")])
async def test_usync_tells_who_has_whatsapp(session: Session, number: str, there: str) -> None:
    query = Node("query", content=[Node("contact"), Node("lid")])
    contact = Node("contact", content=f"+{number}".encode())
    usync = Node(
        "usync", {"mode": "query"}, [query, Node("list", content=[Node("user", content=[contact])])]
    )
    user = (await session.ask("usync", "get", usync)).require("usync", "list", "user")
    assert user.jid("jid") == Jid(number)
    assert user.require("contact").text("type") == there


async def test_usync_of_something_else_is_recorded(session: Session, network: Network) -> None:
    usync = Node("usync", {}, [Node("query", content=[Node("status")]), Node("list", content=[])])
    answer = await session.ask("usync", "get", usync)
    assert answer.text("type") == "error"
    assert [each.reason for each in network.journal.unknown] == ["usync of status"]


async def test_app_state_has_nothing_new(session: Session, network: Network) -> None:
    asked = Node("collection", {"name": "regular", "version": "3"})
    answer = await session.ask("w:sync:app:state", "set", Node("sync", content=[asked]))
    state = answer.require("sync", "collection")
    assert (state.text("version"), state.text("has_more_patches")) == ("3", "false")

    patched = Node("collection", {"name": "regular"}, [Node("patch", content=b"x")])
    await session.ask("w:sync:app:state", "set", Node("sync", content=[patched]))
    assert network.stats().unknown_stanzas == 1


async def test_receipts_are_acknowledged_to_whom_they_were_for(session: Session) -> None:
    sender = Jid("100000000000001", LIDS)
    await session.send(Node("receipt", {"id": "A1", "to": sender, "type": "read"}))
    while (ack := await session.receive()).tag != "ack":
        pass
    assert dict(ack.attrs) == {"class": "receipt", "id": "A1", "from": sender, "type": "read"}


@pytest.mark.parametrize(
    ("xmlns", "content", "answer"),
    [
        ("privacy", [Node("privacy")], "privacy"),
        ("blocklist", [], "list"),
        ("abt", [Node("props", {"protocol": "1"})], "props"),
        ("w", [Node("props")], "props"),
    ],
)
async def test_settings_are_told(
    session: Session, xmlns: str, content: list[Node], answer: str
) -> None:
    assert (await session.ask(xmlns, "get", *content)).child(answer)


async def test_presence_and_acks_need_no_answer(session: Session, network: Network) -> None:
    await session.send(Node("presence", {"type": "available", "name": "Салон"}))
    await session.send(Node("ack", {"id": "1", "class": "notification", "to": SERVER}))
    await session.send(Node("ib", {}, [Node("unified_session", {"id": "1"})]))
    await session.send(Node("presence", {"type": "subscribe"}))
    await session.ask("w:p", "get", Node("ping"))
    assert network.stats().unknown_stanzas == 1
