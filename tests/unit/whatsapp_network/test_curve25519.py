"""XEdDSA against libsignal's published vector and a second implementation."""

import pytest
from pyaileys.crypto.curve25519_signature import curve25519_verify

from sandbox.whatsapp_network.curve25519 import InvalidKeyError, KeyPair, verify

# From libsignal's Curve25519 tests.
PRIVATE = bytes.fromhex("c097248412e58bf05df487968205132794178e367637f5818f81e0e6ce73e865")
PUBLIC = bytes.fromhex("ab7e717d4a163b7d9a1d8071dfe9dcf8cdcd1cea3339b6356be84d887e322c64")
MESSAGE = bytes.fromhex("05edce9d9c415ca78cb7252e72c2c4a554d3eb29485a0e1d503118d1a82d99fb4a")
SIGNATURE = bytes.fromhex(
    "5de88ca9a89b4a115da79109c67c9c7464a3e4180274f1cb8c63c2984e286dfb"
    "ede82deb9dcd9fae0bfbb821569b3d9001bd8130cd11d486cef047bd60b86e88"
)


def test_known_keys_and_signature() -> None:
    assert KeyPair(PRIVATE).public == PUBLIC
    assert verify(PUBLIC, MESSAGE, SIGNATURE)


@pytest.mark.parametrize("bit", range(0, 512, 37))
def test_known_signature_with_one_bit_flipped_is_refused(bit: int) -> None:
    forged = bytearray(SIGNATURE)
    forged[bit // 8] ^= 1 << bit % 8
    assert not verify(PUBLIC, MESSAGE, bytes(forged))


def test_signatures_hold_here_and_elsewhere() -> None:
    for _ in range(20):
        keys = KeyPair()
        signature = keys.sign(MESSAGE)
        assert verify(keys.public, MESSAGE, signature)
        assert curve25519_verify(keys.public, MESSAGE, signature)


def test_other_key_and_other_message_are_refused() -> None:
    keys = KeyPair()
    signature = keys.sign(MESSAGE)
    assert not verify(KeyPair().public, MESSAGE, signature)
    assert not verify(keys.public, MESSAGE + b"!", signature)


@pytest.mark.parametrize(("public", "signature"), [(b"", SIGNATURE), (PUBLIC, b""), (b"", b"")])
def test_wrong_sizes_are_refused(public: bytes, signature: bytes) -> None:
    assert not verify(public, MESSAGE, signature)


@pytest.mark.parametrize("peer", [b"", bytes(31), bytes(32)])
def test_useless_public_keys_are_refused(peer: bytes) -> None:
    with pytest.raises(InvalidKeyError):
        KeyPair().agree(peer)
