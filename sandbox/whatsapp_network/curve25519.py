"""Curve25519 keys that agree (X25519) and sign (XEdDSA), as Signal and WhatsApp use them."""

import hashlib
import os
from typing import Final

import nacl.bindings as sodium
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from nacl.exceptions import BadSignatureError

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_FIELD: Final = 2**255 - 19
_SIGN_BIT: Final = 0x80
# XEdDSA's hash1: the little-endian number 2**256 - 2 ahead of the input.
_HASH1: Final = b"\xfe" + b"\xff" * 31


class InvalidKeyError(ValueError):
    """A public key has the wrong length or leads nowhere."""


class KeyPair:
    """A private key and what follows from it."""

    def __init__(self, private: bytes | None = None) -> None:
        self.private = private or os.urandom(KEY_BYTES)
        self._key = X25519PrivateKey.from_private_bytes(self.private)
        self.public = self._key.public_key().public_bytes_raw()

    def agree(self, peer: bytes) -> bytes:
        """Return the shared secret with a peer's public key; raise `InvalidKeyError`."""
        try:
            return self._key.exchange(X25519PublicKey.from_public_bytes(peer))
        except ValueError as error:
            raise InvalidKeyError("not a usable Curve25519 public key") from error

    def sign(self, message: bytes) -> bytes:
        """Sign by XEdDSA, with the Edwards point's sign 0, which libsignal accepts."""
        scalar, point = _edwards_pair(self.private)
        nonce = _reduce(_HASH1 + scalar + message + os.urandom(SIGNATURE_BYTES))
        commitment: bytes = sodium.crypto_scalarmult_ed25519_base_noclamp(nonce)
        challenge = _reduce(commitment + point + message)
        product = sodium.crypto_core_ed25519_scalar_mul(challenge, scalar)
        answer: bytes = sodium.crypto_core_ed25519_scalar_add(nonce, product)
        return commitment + answer


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Check an XEdDSA signature; the Edwards point's sign travels in the last byte's high bit."""
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    sign = signature[-1] & _SIGN_BIT
    plain = signature[:-1] + bytes((signature[-1] & ~_SIGN_BIT,))
    try:
        sodium.crypto_sign_open(plain + message, _edwards_point(public, sign))
    except (BadSignatureError, ValueError):
        return False
    return True


def _edwards_pair(private: bytes) -> tuple[bytes, bytes]:
    clamped = bytearray(private)
    clamped[0] &= 248
    clamped[31] = clamped[31] & 127 | 64
    scalar: bytes = sodium.crypto_core_ed25519_scalar_reduce(bytes(clamped) + bytes(KEY_BYTES))
    point: bytes = sodium.crypto_scalarmult_ed25519_base_noclamp(scalar)
    if point[-1] & _SIGN_BIT:
        scalar = sodium.crypto_core_ed25519_scalar_negate(scalar)
        point = point[:-1] + bytes((point[-1] & ~_SIGN_BIT,))
    return scalar, point


def _edwards_point(public: bytes, sign: int) -> bytes:
    u = int.from_bytes(public, "little") % 2**255
    y = (u - 1) * pow(u + 1, _FIELD - 2, _FIELD) % _FIELD
    point = bytearray(y.to_bytes(KEY_BYTES, "little"))
    point[-1] |= sign
    return bytes(point)


def _reduce(data: bytes) -> bytes:
    scalar: bytes = sodium.crypto_core_ed25519_scalar_reduce(hashlib.sha512(data).digest())
    return scalar
