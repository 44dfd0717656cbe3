"""A WhatsApp account: the primary phone's keys and its companion devices. All of it is kept."""

import hashlib
import secrets
import time
from functools import cached_property
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from sandbox.whatsapp_network.curve25519 import KeyPair
from sandbox.whatsapp_network.jid import LIDS, Jid

# Signal's serialised public keys carry a type byte ahead.
CURVE25519_TYPE: Final = b"\x05"
PHONE_SIGNED_PREKEY_ID: Final = 1
# WhatsApp's LIDs are numbers of 15 digits that tell nothing of the phone number.
_LID_BASE: Final = 10**14


def now_ms() -> int:
    """Return the wall clock in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Kept(BaseModel):
    """Bytes become base64 in the state file."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", extra="forbid")


class SignedPreKey(Kept):
    id: int
    public: bytes
    signature: bytes


class Companion(Kept):
    """A linked device as the server knows it: public keys only."""

    device: int
    name: str
    identity: bytes
    registration_id: int
    signed_prekey: SignedPreKey
    noise_static: bytes
    prekeys: dict[int, bytes] = Field(default_factory=dict)
    linked_at_ms: int = Field(default_factory=now_ms)
    last_seen_ms: int | None = None
    first_sync_sent: bool = False


class Account(Kept):
    """The owner of a number; the primary phone is device 0."""

    number: str
    name: str
    lid: str
    identity_private: bytes
    signed_prekey_private: bytes
    registration_id: int
    passkey_required: bool = False
    next_device: int = 1
    companions: dict[int, Companion] = Field(default_factory=dict)

    @cached_property
    def identity(self) -> KeyPair:
        return KeyPair(self.identity_private)

    @cached_property
    def signed_prekey(self) -> SignedPreKey:
        public = KeyPair(self.signed_prekey_private).public
        signature = self.identity.sign(CURVE25519_TYPE + public)
        return SignedPreKey(id=PHONE_SIGNED_PREKEY_ID, public=public, signature=signature)

    def jid(self, device: int = 0) -> Jid:
        return Jid(self.number, device=device)

    def lid_jid(self, device: int = 0) -> Jid:
        return Jid(self.lid, LIDS, device)


def new_account(number: str, name: str) -> Account:
    digest = hashlib.sha256(number.encode()).digest()
    return Account(
        number=number,
        name=name,
        lid=str(_LID_BASE + int.from_bytes(digest[:5], "big")),
        identity_private=KeyPair().private,
        signed_prekey_private=KeyPair().private,
        registration_id=1 + secrets.randbelow(0x3FFE),
    )
