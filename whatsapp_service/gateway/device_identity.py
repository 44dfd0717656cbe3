"""The key by which a device in the making is known before it has an address."""

import base64
import binascii
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

KEY_BYTES: Final = 32
_IDENTITY_FIELD: Final = 2


def identity_in_qr(text: str) -> bytes:
    """The public identity key: ``…ref,noise key,identity key,adv secret,client type``.

    The same in every QR of one connection, and the key of a device linked by code on it as well.
    Raises ValueError, without the text in it.
    """
    fields = text.split(",")
    try:
        key = base64.b64decode(fields[_IDENTITY_FIELD], validate=True)
    except (IndexError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError("no identity key in the QR")
    return key


def public_identity(private_key: bytes) -> bytes:
    """Of a key as the library's store has it. Raises ValueError when it is no key."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
