"""The phone's prekey messages, read by a receiver written out here from Signal's specification."""

import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sandbox.whatsapp_network.account import Companion, SignedPreKey, new_account
from sandbox.whatsapp_network.curve25519 import KeyPair
from sandbox.whatsapp_network.signal_session import Bundle, SendingSession, encode_fields


def read_fields(data: bytes) -> dict[int, int | bytes]:
    fields: dict[int, int | bytes] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while at < len(data):
        key = varint()
        value: int | bytes = varint()
        if key & 7 == 2:
            assert isinstance(value, int)
            at, value = at + value, data[at : at + value]
        fields[key >> 3] = value
    return fields


def derive(secret: bytes, length: int, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


class Receiver:
    """A device that reads the first chain of a session."""

    def __init__(self) -> None:
        self.identity, self.signed_prekey, self.prekey = KeyPair(), KeyPair(), KeyPair()

    def companion(self, prekeys: dict[int, bytes]) -> Companion:
        signed = SignedPreKey(id=9, public=self.signed_prekey.public, signature=b"")
        return Companion(
            device=1,
            name="",
            identity=self.identity.public,
            registration_id=1,
            signed_prekey=signed,
            noise_static=b"",
            prekeys=prekeys,
        )

    def read(self, message: bytes) -> bytes:
        assert message[0] == 0x33
        outer = read_fields(message[1:])
        base, sender = bytes(outer[2])[1:], bytes(outer[3])[1:]
        secret = b"\xff" * 32 + self.signed_prekey.agree(sender) + self.identity.agree(base)
        secret += self.signed_prekey.agree(base)
        if 1 in outer:
            secret += self.prekey.agree(base)
        root = derive(secret, 64, bytes(32), b"WhisperText")[:32]
        inner, mac = bytes(outer[4])[:-8], bytes(outer[4])[-8:]
        fields = read_fields(inner[1:])
        shared = self.signed_prekey.agree(bytes(fields[1])[1:])
        chain = derive(shared, 64, root, b"WhisperRatchet")[32:]
        for _ in range(int(fields[2])):
            chain = hmac.digest(chain, b"\x02", "sha256")
        seed = hmac.digest(chain, b"\x01", "sha256")
        keys = derive(seed, 80, bytes(32), b"WhisperMessageKeys")
        identities = b"\x05" + sender + b"\x05" + self.identity.public
        assert hmac.digest(keys[32:64], identities + inner, "sha256")[:8] == mac
        decryptor = Cipher(algorithms.AES(keys[:32]), modes.CBC(keys[64:])).decryptor()
        padded = decryptor.update(bytes(fields[4])) + decryptor.finalize()
        content = padded[: -padded[-1]]
        return content[: -content[-1]]


def test_device_reads_every_message_of_the_first_chain() -> None:
    receiver = Receiver()
    companion = receiver.companion({300: receiver.prekey.public})
    session = SendingSession(new_account("79990000001", "Салон"), Bundle.take(companion))
    sent = [b"", b"first", b"x" * 1000]
    assert [receiver.read(session.encrypt(each)) for each in sent] == sent
    assert companion.prekeys == {}


def test_device_without_one_time_prekeys_reads_too() -> None:
    receiver = Receiver()
    account = new_account("79990000001", "Салон")
    session = SendingSession(account, Bundle.take(receiver.companion({})))
    message = session.encrypt(b"text")
    assert 1 not in read_fields(message[1:])
    assert receiver.read(message) == b"text"


def test_fields_are_protobuf() -> None:
    encoded = encode_fields({1: 300, 2: b"ab", 3: None, 20: 0})
    assert encoded == bytes.fromhex("08ac02 12026162 a00100")
