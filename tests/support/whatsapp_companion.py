"""A minimal companion device, for what no real client can be made to do.

It speaks the protocol by its own code as far as a handshake goes; the real clients in the
integration tests are the proof that the network is true to WhatsApp.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from websockets.asyncio.client import ClientConnection, connect

from sandbox.whatsapp_network.binary_xml import decode, encode
from sandbox.whatsapp_network.curve25519 import KeyPair
from sandbox.whatsapp_network.frames import HEADER, pack
from sandbox.whatsapp_network.jid import SERVER
from sandbox.whatsapp_network.node import Attribute, Node
from sandbox.whatsapp_network.protobufs import (
    ADVSignedDeviceIdentity,
    ADVSignedDeviceIdentityHMAC,
    CertChain,
    ClientPayload,
    DeviceProps,
    HandshakeMessage,
)

NAME: Final = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"


class Initiator:
    """The client's side of the handshake, written from the Noise specification's XX pattern."""

    def __init__(self, static: KeyPair) -> None:
        self._static = static
        self._ephemeral = KeyPair()
        self._hash = hashlib.sha256(NAME + HEADER).digest()
        self._chaining_key = self._key = NAME
        self._count = 0
        self.server_static = b""
        self.chain: Any = None

    def hello(self) -> bytes:
        self._mix_hash(self._ephemeral.public)
        hello = {"ephemeral": self._ephemeral.public}
        message: bytes = HandshakeMessage(clientHello=hello).SerializeToString()
        return message

    def finish(self, server_hello: bytes, payload: bytes) -> bytes:
        hello = HandshakeMessage.FromString(server_hello).serverHello
        self._mix_hash(hello.ephemeral)
        self._mix_key(self._ephemeral.agree(hello.ephemeral))
        self.server_static = self._open(hello.static)
        self._mix_key(self._ephemeral.agree(self.server_static))
        self.chain = CertChain.FromString(self._open(hello.payload))
        static = self._seal(self._static.public)
        self._mix_key(self._static.agree(hello.ephemeral))
        finish = {"static": static, "payload": self._seal(payload)}
        message: bytes = HandshakeMessage(clientFinish=finish).SerializeToString()
        return message

    def split(self) -> tuple[bytes, bytes]:
        """Return the keys for sending and receiving."""
        output = self._derive(b"")
        return output[:32], output[32:]

    def _derive(self, secret: bytes) -> bytes:
        return HKDF(hashes.SHA256(), 64, self._chaining_key, b"").derive(secret)

    def _mix_hash(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def _mix_key(self, secret: bytes) -> None:
        output = self._derive(secret)
        self._chaining_key, self._key, self._count = output[:32], output[32:], 0

    def _seal(self, plaintext: bytes) -> bytes:
        sealed = AESGCM(self._key).encrypt(self._nonce(), plaintext, self._hash)
        self._mix_hash(sealed)
        return sealed

    def _open(self, sealed: bytes) -> bytes:
        plaintext = AESGCM(self._key).decrypt(self._nonce(), sealed, self._hash)
        self._mix_hash(sealed)
        return plaintext

    def _nonce(self) -> bytes:
        self._count += 1
        return (self._count - 1).to_bytes(12, "big")


class Session:
    """Stanzas over one connection, after the handshake."""

    def __init__(self, socket: ClientConnection, sending: bytes, receiving: bytes) -> None:
        self.socket = socket
        self._sending, self._receiving = AESGCM(sending), AESGCM(receiving)
        self._sent = self._received = 0

    async def send(self, node: Node) -> None:
        sealed = self._sending.encrypt(self._sent.to_bytes(12, "big"), encode(node), b"")
        self._sent += 1
        await self.socket.send(pack(sealed))

    async def receive(self) -> Node:
        message = await self.socket.recv()
        assert isinstance(message, bytes)
        nonce = self._received.to_bytes(12, "big")
        self._received += 1
        return decode(self._receiving.decrypt(nonce, message[3:], b""))

    async def closed(self) -> None:
        """Return when the network has closed the connection."""
        await self.socket.wait_closed()

    async def ask(self, xmlns: str, kind: str, *content: Node) -> Node:
        """Send an iq and return the answer to it; what comes before is passed over."""
        iq_id = os.urandom(4).hex()
        head: dict[str, Attribute] = {"id": iq_id, "xmlns": xmlns, "type": kind, "to": SERVER}
        await self.send(Node("iq", head, content or None))
        while (answer := await self.receive()).text("id") != iq_id:
            pass
        return answer

    async def reply(self, iq: Node, *content: Node) -> None:
        head: dict[str, Attribute] = {"id": iq.text("id"), "type": "result", "to": SERVER}
        await self.send(Node("iq", head, content or None))


class CompanionClient:
    """The keys of one device, which outlive its connections."""

    def __init__(self, port: int) -> None:
        self._url = f"ws://127.0.0.1:{port}/ws/chat"
        self.static, self.identity, self.prekey = KeyPair(), KeyPair(), KeyPair()
        self.prekey_signature = self.identity.sign(b"\x05" + self.prekey.public)
        self.adv_secret = os.urandom(32)

    @asynccontextmanager
    async def connect(self, payload: Any) -> AsyncIterator[Session]:
        """Shake hands and present a payload."""
        async with connect(self._url, compression=None, proxy=None) as socket:
            initiator = Initiator(self.static)
            await socket.send(HEADER + pack(initiator.hello()))
            server_hello = await socket.recv()
            assert isinstance(server_hello, bytes)
            finish = initiator.finish(server_hello[3:], payload.SerializeToString())
            await socket.send(pack(finish))
            yield Session(socket, *initiator.split())

    @asynccontextmanager
    async def offer(self) -> AsyncIterator[tuple[Session, list[str]]]:
        """Ask to be linked; yield the session and the texts of its QRs."""
        async with self.connect(self.registration()) as session:
            pair_device = await session.receive()
            await session.reply(pair_device)
            refs = [ref.data().decode() for ref in pair_device.require("pair-device").all("ref")]
            yield session, [self.qr_text(ref) for ref in refs]

    def registration(self) -> Any:
        data = ClientPayload.DevicePairingRegistrationData(
            eRegid=(7).to_bytes(4, "big"),
            eKeytype=b"\x05",
            eIdent=self.identity.public,
            eSkeyID=(1).to_bytes(3, "big"),
            eSkeyVal=self.prekey.public,
            eSkeySig=self.prekey_signature,
            deviceProps=DeviceProps(os="Test").SerializeToString(),
        )
        return ClientPayload(devicePairingData=data)

    def login(self, number: str, device: int = 1) -> Any:
        return ClientPayload(username=int(number), device=device)

    def qr_text(self, ref: str) -> str:
        keys = (self.static.public, self.identity.public, self.adv_secret)
        return ",".join((ref, *(base64.b64encode(key).decode() for key in keys)))

    async def accept(self, session: Session, *, signer: KeyPair | None = None) -> None:
        """Check the phone's proof and sign for the device, in good faith or by another key."""
        pair_success = await session.receive()
        sealed = pair_success.data("pair-success", "device-identity")
        container = ADVSignedDeviceIdentityHMAC.FromString(sealed)
        expected = hmac.digest(self.adv_secret, container.details, "sha256")
        assert expected == container.HMAC
        signed = ADVSignedDeviceIdentity.FromString(container.details)
        message = b"\x06\x01" + signed.details + self.identity.public + signed.accountSignatureKey
        signature = (signer or self.identity).sign(message)
        identity = ADVSignedDeviceIdentity(details=signed.details, deviceSignature=signature)
        content = Node("device-identity", {"key-index": "1"}, identity.SerializeToString())
        await session.reply(pair_success, Node("pair-device-sign", content=[content]))
