"""The code's cryptography, the companion's side written out here."""

import asyncio
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.whatsapp_network.ciphers import derive
from sandbox.whatsapp_network.curve25519 import KeyPair
from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.jid import Jid
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.node import Attribute, Node
from sandbox.whatsapp_network.pairing_code import (
    KeyBundle,
    WrongCodeError,
    normalise,
    open_bundle,
    unwrap_key,
    wrap_key,
)
from tests.support.waiting import wait_until
from tests.support.whatsapp_companion import CompanionClient, Session
from tests.support.whatsapp_in_process import NUMBER, Clock, phone_of

CODE = "ABCD1234"
INFO = b"link_code_pairing_key_bundle_encryption_key"


def seal_bundle(shared: bytes, companion: KeyPair, phone_public: bytes) -> tuple[bytes, bytes]:
    """Return the bundle as a companion seals it, and the secret it keeps."""
    salt, nonce, last = os.urandom(32), os.urandom(12), os.urandom(32)
    key = derive(shared, 32, salt=salt, info=INFO)
    sealed = AESGCM(key).encrypt(nonce, companion.public + phone_public + last, None)
    secret = shared + companion.agree(phone_public) + last
    return salt + nonce + sealed, derive(secret, 32, info=b"adv_secret")


@pytest.mark.parametrize("typed", ["ABCD-1234", "abcd1234", " ABCD1234 ", "AB-CD-12-34"])
def test_code_may_be_typed_in_any_shape(typed: str) -> None:
    assert normalise(typed) == CODE


@pytest.mark.parametrize("typed", ["", "ABCD123", "ABCD12345", "ABCD0000", "ABCDIOUI", "АБВГ1234"])
def test_code_no_client_shows_is_refused(typed: str) -> None:
    assert normalise(typed) is None


def test_key_comes_back_under_the_same_code_only() -> None:
    public = KeyPair().public
    wrapped = wrap_key(CODE, public)
    assert len(wrapped) == 80
    assert unwrap_key(CODE, wrapped) == public
    assert unwrap_key("ABCD1235", wrapped) != public


def test_both_ends_find_the_same_secret() -> None:
    phone, companion, ephemeral, theirs = KeyPair(), KeyPair(), KeyPair(), KeyPair()
    sealed, secret = seal_bundle(theirs.agree(ephemeral.public), companion, phone.public)
    bundle = KeyBundle(sealed, companion.public)
    assert open_bundle(bundle, ephemeral, theirs.public, phone) == secret


def test_bundle_under_another_key_or_for_another_phone_is_a_wrong_code() -> None:
    phone, companion, ephemeral, theirs = KeyPair(), KeyPair(), KeyPair(), KeyPair()
    shared = theirs.agree(ephemeral.public)
    sealed, _ = seal_bundle(shared, companion, phone.public)
    with pytest.raises(WrongCodeError):
        open_bundle(KeyBundle(sealed, companion.public), ephemeral, KeyPair().public, phone)
    with pytest.raises(WrongCodeError):
        open_bundle(KeyBundle(sealed, companion.public), ephemeral, theirs.public, KeyPair())


async def hello(session: Session, ephemeral: KeyPair) -> bytes:
    """Ask for linking by code and return the ref."""
    wrapped = Node(
        "link_code_pairing_wrapped_companion_ephemeral_pub",
        content=wrap_key(CODE, ephemeral.public),
    )
    head: dict[str, Attribute] = {"jid": phone_jid(), "stage": "companion_hello"}
    request = Node("link_code_companion_reg", head, [wrapped])
    answer = await session.ask("md", "set", request)
    return answer.data("link_code_companion_reg", "link_code_pairing_ref")


def phone_jid() -> Jid:
    return Jid(NUMBER)


async def finish(session: Session, companion: CompanionClient, ephemeral: KeyPair) -> None:
    """Answer the phone as a companion does that shows `CODE`."""
    notification = (await session.receive()).require("link_code_companion_reg")
    wrapped = notification.data("link_code_pairing_wrapped_primary_ephemeral_pub")
    shared = ephemeral.agree(unwrap_key(CODE, wrapped))
    phone_public = notification.data("primary_identity_pub")
    sealed, companion.adv_secret = seal_bundle(shared, companion.identity, phone_public)
    content = [
        Node("link_code_pairing_wrapped_key_bundle", content=sealed),
        Node("companion_identity_public", content=companion.identity.public),
        Node("link_code_pairing_ref", content=notification.data("link_code_pairing_ref")),
    ]
    head: dict[str, Attribute] = {"jid": phone_jid(), "stage": "companion_finish"}
    answer = await session.ask("md", "set", Node("link_code_companion_reg", head, content))
    assert answer.text("type") == "result"


async def test_code_links_after_a_wrong_try(network: Network, companion: CompanionClient) -> None:
    ephemeral = KeyPair()
    async with companion.offer() as (session, _):
        await hello(session, ephemeral)
        wrong = asyncio.create_task(phone_of(network).type_code("ZZZZ-ZZZZ"))
        await finish(session, companion, ephemeral)
        with pytest.raises(NetworkError) as caught:
            await wrong
        assert caught.value.code is Code.CODE_WRONG

        right = asyncio.create_task(phone_of(network).type_code(CODE))
        await finish(session, companion, ephemeral)
        await companion.accept(session)
        assert (await right).device == 1
    with pytest.raises(NetworkError) as again:
        await phone_of(network).type_code(CODE)
    assert again.value.code is Code.CODE_NONE


@pytest.mark.parametrize(
    ("after_s", "code"), [(59.0, Code.LINK_TIMEOUT), (60.0, Code.CODE_EXPIRED)]
)
async def test_code_lives_60_seconds(
    network: Network, companion: CompanionClient, clock: Clock, after_s: float, code: Code
) -> None:
    async with companion.offer() as (session, _):
        await hello(session, KeyPair())
        network.settings.request_deadline_s = 0.3
        clock.now_s += after_s
        with pytest.raises(NetworkError) as caught:
            await phone_of(network).type_code(CODE)
    assert caught.value.code is code


async def test_code_dies_with_its_connection(network: Network, companion: CompanionClient) -> None:
    async with companion.offer() as (session, _):
        await hello(session, KeyPair())
    await wait_until(lambda: not network.connections)
    with pytest.raises(NetworkError) as caught:
        await phone_of(network).type_code(CODE)
    assert caught.value.code is Code.CODE_EXPIRED


async def test_client_that_leaves_while_the_code_is_checked(
    network: Network, companion: CompanionClient
) -> None:
    async with companion.offer() as (session, _):
        await hello(session, KeyPair())
        typing = asyncio.create_task(phone_of(network).type_code(CODE))
        await session.receive()
    with pytest.raises(NetworkError) as caught:
        await typing
    assert caught.value.code is Code.LINK_LOST


async def test_newer_code_takes_the_place_of_an_older_one(
    network: Network, companion: CompanionClient, port: int
) -> None:
    other = CompanionClient(port)
    async with companion.offer() as (session, _), other.offer() as (other_session, _):
        first = await hello(session, KeyPair())
        second = await hello(other_session, KeyPair())
        assert first != second
        network.settings.request_deadline_s = 0.3
        with pytest.raises(NetworkError):
            await phone_of(network).type_code(CODE)
        assert (await other_session.receive()).tag == "notification"
