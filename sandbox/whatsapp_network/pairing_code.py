"""The cryptography of linking by an 8-character code, the phone's side of it.

Both ends wrap an ephemeral key under the code; the companion then sends a bundle that only the
holder of the matching ephemeral key can open. Nobody but the phone notices a wrong code.
"""

import hashlib
import os
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.whatsapp_network.ciphers import ctr_crypt, derive
from sandbox.whatsapp_network.curve25519 import KEY_BYTES, InvalidKeyError, KeyPair

ALPHABET: Final = frozenset("123456789ABCDEFGHJKLMNPQRSTVWXYZ")
CODE_CHARS: Final = 8
WRAPPED_KEY_BYTES: Final = 80
_ITERATIONS: Final = 131_072
_SALT_BYTES: Final = 32
_IV_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_BUNDLE_INFO: Final = b"link_code_pairing_key_bundle_encryption_key"


class WrongCodeError(ValueError):
    """The bundle does not open: the code typed is not the code shown."""


@dataclass(frozen=True, slots=True)
class KeyBundle:
    """What the companion sends at the end: sealed under the agreed key, and its identity."""

    sealed: bytes
    identity: bytes


def normalise(typed: str) -> str | None:
    """Return the code without its hyphen, or None when no phone would let it be typed."""
    code = typed.replace("-", "").strip().upper()
    return code if len(code) == CODE_CHARS and ALPHABET.issuperset(code) else None


def wrap_key(code: str, public: bytes) -> bytes:
    """Return salt, IV and the key under the code. Takes some 50 ms: run it in a thread."""
    salt, iv = os.urandom(_SALT_BYTES), os.urandom(_IV_BYTES)
    return salt + iv + ctr_crypt(_code_key(code, salt), iv, public)


def unwrap_key(code: str, wrapped: bytes) -> bytes:
    """Undo `wrap_key`; a wrong code gives some other 32 bytes."""
    salt, iv = wrapped[:_SALT_BYTES], wrapped[_SALT_BYTES : _SALT_BYTES + _IV_BYTES]
    return ctr_crypt(_code_key(code, salt), iv, wrapped[_SALT_BYTES + _IV_BYTES :])


def open_bundle(
    bundle: KeyBundle, ephemeral: KeyPair, companion_ephemeral: bytes, phone_identity: KeyPair
) -> bytes:
    """Return the ADV secret both ends now share; raise `WrongCodeError`."""
    try:
        shared = ephemeral.agree(companion_ephemeral)
        key = derive(shared, KEY_BYTES, salt=bundle.sealed[:_SALT_BYTES], info=_BUNDLE_INFO)
        nonce, ciphertext = _split(bundle.sealed[_SALT_BYTES:])
        opened = AESGCM(key).decrypt(nonce, ciphertext, None)
    except (InvalidTag, InvalidKeyError) as error:
        raise WrongCodeError from error
    identities = bundle.identity + phone_identity.public
    if opened[: 2 * KEY_BYTES] != identities or len(opened) != 3 * KEY_BYTES:
        raise WrongCodeError
    secret = shared + phone_identity.agree(bundle.identity) + opened[2 * KEY_BYTES :]
    return derive(secret, KEY_BYTES, info=b"adv_secret")


def _split(data: bytes) -> tuple[bytes, bytes]:
    return data[:_NONCE_BYTES], data[_NONCE_BYTES:]


def _code_key(code: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", code.encode(), salt, _ITERATIONS, KEY_BYTES)
