"""The sending half of a Signal v3 session: X3DH with a device's bundle, then the first chain.

A simulated phone that has not been written to needs no more: until the device answers, every
message goes out on the first chain as a prekey message. Receiving belongs to chat.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sandbox.whatsapp_network.account import CURVE25519_TYPE, Account, Companion, SignedPreKey
from sandbox.whatsapp_network.ciphers import authenticate, cbc_encrypt, derive
from sandbox.whatsapp_network.curve25519 import KeyPair

VERSION: Final = b"\x33"
MAC_BYTES: Final = 8
_NO_SALT: Final = bytes(32)
_X3DH_PREFIX: Final = b"\xff" * 32
_MESSAGE_KEY_STEP: Final = b"\x01"
_CHAIN_STEP: Final = b"\x02"
_PADDING_MAX: Final = 15
_SEVEN_BITS: Final = 0x7F

Fields = Mapping[int, int | bytes | None]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a sender needs of a device it has never written to."""

    identity: bytes
    signed_prekey: SignedPreKey
    prekey: tuple[int, bytes] | None

    @classmethod
    def take(cls, companion: Companion) -> "Bundle":
        """Read a companion's bundle and use up one of its one-time prekeys."""
        prekey = None
        if companion.prekeys:
            key_id = next(iter(companion.prekeys))
            prekey = (key_id, companion.prekeys.pop(key_id))
        return cls(companion.identity, companion.signed_prekey, prekey)


class SendingSession:
    """From one account's phone to one device."""

    def __init__(self, account: Account, bundle: Bundle) -> None:
        self._account = account
        self._bundle = bundle
        self._base = KeyPair()
        self._ratchet = KeyPair()
        self._counter = 0
        root = derive(self._agreements(), 64, salt=_NO_SALT, info=b"WhisperText")[:32]
        shared = self._ratchet.agree(bundle.signed_prekey.public)
        self._chain = derive(shared, 64, salt=root, info=b"WhisperRatchet")[32:]

    def encrypt(self, plaintext: bytes) -> bytes:
        """Return the content of `<enc v="2" type="pkmsg">`."""
        fields: Fields = {
            1: self._bundle.prekey[0] if self._bundle.prekey else None,
            2: CURVE25519_TYPE + self._base.public,
            3: CURVE25519_TYPE + self._account.identity.public,
            4: self._message(_pad(plaintext)),
            5: self._account.registration_id,
            6: self._bundle.signed_prekey.id,
        }
        return VERSION + encode_fields(fields)

    def _agreements(self) -> bytes:
        identity, base = self._account.identity, self._base
        signed_prekey = self._bundle.signed_prekey.public
        secrets = identity.agree(signed_prekey) + base.agree(self._bundle.identity)
        secrets += base.agree(signed_prekey)
        if self._bundle.prekey:
            secrets += base.agree(self._bundle.prekey[1])
        return _X3DH_PREFIX + secrets

    def _message(self, padded: bytes) -> bytes:
        seed = authenticate(self._chain, _MESSAGE_KEY_STEP)
        keys = derive(seed, 80, salt=_NO_SALT, info=b"WhisperMessageKeys")
        cipher_key, mac_key, iv = keys[:32], keys[32:64], keys[64:]
        fields: Fields = {
            1: CURVE25519_TYPE + self._ratchet.public,
            2: self._counter,
            3: 0,
            4: cbc_encrypt(cipher_key, iv, padded),
        }
        message = VERSION + encode_fields(fields)
        self._chain = authenticate(self._chain, _CHAIN_STEP)
        self._counter += 1
        identities = CURVE25519_TYPE + self._account.identity.public
        identities += CURVE25519_TYPE + self._bundle.identity
        return message + authenticate(mac_key, identities + message)[:MAC_BYTES]


def encode_fields(fields: Fields) -> bytes:
    """Encode a protobuf message of numbers and bytes: neonize ships no Signal messages."""
    encoded = b""
    for number, value in fields.items():
        if isinstance(value, int):
            encoded += _varint(number << 3) + _varint(value)
        elif value is not None:
            encoded += _varint(number << 3 | 2) + _varint(len(value)) + value
    return encoded


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > _SEVEN_BITS:
        encoded.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    return bytes((*encoded, number))


def _pad(plaintext: bytes) -> bytes:
    size = 1 + os.urandom(1)[0] % _PADDING_MAX
    return plaintext + bytes((size,)) * size
