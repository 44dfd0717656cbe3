"""The responder of `Noise_XX_25519_AESGCM_SHA256` as WhatsApp speaks it, and the channel after it.

WhatsApp does not mix the empty payload of message 1 into the hash, which the Noise
specification asks for; that is why no Noise library fits.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError

from sandbox.whatsapp_network.certificates import Authority
from sandbox.whatsapp_network.ciphers import derive
from sandbox.whatsapp_network.curve25519 import InvalidKeyError, KeyPair
from sandbox.whatsapp_network.protobufs import HandshakeMessage

PROTOCOL: Final = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"


class NoiseError(ValueError):
    """The peer's handshake or a frame does not hold."""


class Cipher:
    """AES-256-GCM under one key, the nonce counting up from 0."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._count = 0

    def seal(self, plaintext: bytes, associated: bytes = b"") -> bytes:
        return self._aead.encrypt(self._nonce(), plaintext, associated)

    def open(self, ciphertext: bytes, associated: bytes = b"") -> bytes:
        """Raise `NoiseError` when the ciphertext is not authentic or comes out of order."""
        try:
            return self._aead.decrypt(self._nonce(), ciphertext, associated)
        except InvalidTag as error:
            raise NoiseError("not authentic") from error

    def _nonce(self) -> bytes:
        nonce = self._count.to_bytes(12, "big")
        self._count += 1
        return nonce


class Channel:
    """What a handshake leaves: a cipher for each direction and the client's proven key."""

    def __init__(self, receiving: Cipher, sending: Cipher, client_static: bytes) -> None:
        self.client_static = client_static
        self.open = receiving.open
        self.seal = sending.seal


class SymmetricState:
    """The running hash, chaining key and cipher of a handshake, the same on both sides."""

    def __init__(self, prologue: bytes) -> None:
        self._hash = self._chaining_key = PROTOCOL
        self._cipher = Cipher(PROTOCOL)
        self.mix_hash(prologue)

    def mix_hash(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def mix_key(self, secret: bytes) -> None:
        output = derive(secret, 64, salt=self._chaining_key)
        self._chaining_key, self._cipher = output[:32], Cipher(output[32:])

    def seal(self, plaintext: bytes) -> bytes:
        ciphertext = self._cipher.seal(plaintext, self._hash)
        self.mix_hash(ciphertext)
        return ciphertext

    def open(self, ciphertext: bytes) -> bytes:
        plaintext = self._cipher.open(ciphertext, self._hash)
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[Cipher, Cipher]:
        """Return the ciphers initiator → responder and back."""
        output = derive(b"", 64, salt=self._chaining_key)
        return Cipher(output[:32]), Cipher(output[32:])


class Responder:
    """The server's side: `answer` message 1, then `finish` with message 3."""

    def __init__(self, authority: Authority, prologue: bytes) -> None:
        self._authority = authority
        self._ephemeral = KeyPair()
        self._state = SymmetricState(prologue)

    def answer(self, client_hello: bytes) -> bytes:
        """Read message 1 and return message 2; raise `NoiseError`."""
        client_ephemeral = _parse(client_hello).clientHello.ephemeral
        state, static = self._state, self._authority.static
        state.mix_hash(client_ephemeral)
        state.mix_hash(self._ephemeral.public)
        state.mix_key(_agree(self._ephemeral, client_ephemeral))
        sealed_static = state.seal(static.public)
        state.mix_key(_agree(static, client_ephemeral))
        hello = {
            "ephemeral": self._ephemeral.public,
            "static": sealed_static,
            "payload": state.seal(self._authority.chain),
        }
        message: bytes = HandshakeMessage(serverHello=hello).SerializeToString()
        return message

    def finish(self, client_finish: bytes) -> tuple[Channel, bytes]:
        """Read message 3 and return the channel and the client's payload; raise `NoiseError`."""
        finish = _parse(client_finish).clientFinish
        client_static = self._state.open(finish.static)
        self._state.mix_key(_agree(self._ephemeral, client_static))
        payload = self._state.open(finish.payload)
        receiving, sending = self._state.split()
        return Channel(receiving, sending, client_static), payload


def _parse(message: bytes) -> HandshakeMessage:
    try:
        return HandshakeMessage.FromString(message)
    except DecodeError as error:
        raise NoiseError("no handshake message") from error


def _agree(ours: KeyPair, theirs: bytes) -> bytes:
    try:
        return ours.agree(theirs)
    except InvalidKeyError as error:
        raise NoiseError(str(error)) from error
