"""The Noise responder against an initiator of the tests' own, and the certificates it shows."""

import time

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.whatsapp_network.certificates import Authority
from sandbox.whatsapp_network.curve25519 import KeyPair, verify
from sandbox.whatsapp_network.frames import HEADER
from sandbox.whatsapp_network.noise import Channel, NoiseError, Responder
from sandbox.whatsapp_network.protobufs import CertChain, HandshakeMessage
from tests.support.whatsapp_companion import Initiator

FIRST = bytes(12)


@pytest.fixture
def authority() -> Authority:
    return Authority(KeyPair())


def shake_hands(authority: Authority, initiator: Initiator) -> tuple[Channel, bytes]:
    responder = Responder(authority, HEADER)
    server_hello = responder.answer(initiator.hello())
    return responder.finish(initiator.finish(server_hello, b"payload"))


def test_both_ends_agree(authority: Authority) -> None:
    static = KeyPair()
    initiator = Initiator(static)
    channel, payload = shake_hands(authority, initiator)
    sending, receiving = initiator.split()

    assert payload == b"payload"
    assert channel.client_static == static.public
    assert initiator.server_static == authority.static.public
    assert channel.open(AESGCM(sending).encrypt(FIRST, b"to server", b"")) == b"to server"
    assert AESGCM(receiving).decrypt(FIRST, channel.seal(b"to client"), b"") == b"to client"


def test_replayed_frame_is_refused(authority: Authority) -> None:
    initiator = Initiator(KeyPair())
    channel, _ = shake_hands(authority, initiator)
    frame = AESGCM(initiator.split()[0]).encrypt(FIRST, b"once", b"")
    channel.open(frame)
    with pytest.raises(NoiseError):
        channel.open(frame)


@pytest.mark.parametrize(
    "message",
    [
        b"\xff\xff",
        b"",
        HandshakeMessage(clientHello={"ephemeral": b"short"}).SerializeToString(),
        HandshakeMessage(clientHello={"ephemeral": bytes(32)}).SerializeToString(),
    ],
)
def test_broken_first_message_is_refused(authority: Authority, message: bytes) -> None:
    with pytest.raises(NoiseError):
        Responder(authority, HEADER).answer(message)


def test_tampered_last_message_is_refused(authority: Authority) -> None:
    responder, initiator = Responder(authority, HEADER), Initiator(KeyPair())
    finish = bytearray(initiator.finish(responder.answer(initiator.hello()), b"payload"))
    finish[-1] ^= 1
    with pytest.raises(NoiseError):
        responder.finish(bytes(finish))


def test_other_prologue_does_not_agree(authority: Authority) -> None:
    initiator = Initiator(KeyPair())
    server_hello = Responder(authority, b"WA\x06\x02").answer(initiator.hello())
    with pytest.raises(InvalidTag):
        initiator.finish(server_hello, b"payload")


def test_certificates_lead_from_the_root_to_the_servers_key(authority: Authority) -> None:
    chain = CertChain.FromString(authority.chain)
    details = CertChain.NoiseCertificate.Details.FromString
    intermediate, leaf = details(chain.intermediate.details), details(chain.leaf.details)

    root = authority.root.public
    assert verify(root, chain.intermediate.details, chain.intermediate.signature)
    assert verify(intermediate.key, chain.leaf.details, chain.leaf.signature)
    assert leaf.key == authority.static.public
    assert (intermediate.issuerSerial, leaf.issuerSerial) == (0, intermediate.serial)
    for certificate in (intermediate, leaf):
        assert certificate.notBefore < time.time() < certificate.notAfter
