"""What a client that wants to be linked says of itself, checked as the server checks it."""

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from sandbox.whatsapp_network.account import CURVE25519_TYPE, SignedPreKey
from sandbox.whatsapp_network.curve25519 import KEY_BYTES, verify
from sandbox.whatsapp_network.protobufs import DeviceProps

REGISTRATION_ID_BYTES = 4
PREKEY_ID_BYTES = 3


class RegistrationError(ValueError):
    """The keys offered are incomplete or not signed by their owner."""


@dataclass(frozen=True, slots=True)
class Registration:
    identity: bytes
    registration_id: int
    signed_prekey: SignedPreKey
    name: str


def read_registration(data: Any) -> Registration:
    """Check a `DevicePairingRegistrationData`; raise `RegistrationError`."""
    if data.eKeytype != CURVE25519_TYPE or len(data.eIdent) != KEY_BYTES:
        raise RegistrationError("identity key of an unknown type")
    if len(data.eRegid) != REGISTRATION_ID_BYTES:
        raise RegistrationError("registration id is not 4 bytes")
    prekey = read_signed_prekey(data.eIdent, data.eSkeyID, data.eSkeyVal, data.eSkeySig)
    return Registration(
        identity=data.eIdent,
        registration_id=int.from_bytes(data.eRegid, "big"),
        signed_prekey=prekey,
        name=_device_name(data.deviceProps),
    )


def read_signed_prekey(
    identity: bytes, key_id: bytes, public: bytes, signature: bytes
) -> SignedPreKey:
    """Check that the identity signed the prekey; raise `RegistrationError`."""
    if len(key_id) != PREKEY_ID_BYTES or len(public) != KEY_BYTES:
        raise RegistrationError("signed prekey has the wrong size")
    if not verify(identity, CURVE25519_TYPE + public, signature):
        raise RegistrationError("signed prekey is not signed by the identity key")
    return SignedPreKey(id=int.from_bytes(key_id, "big"), public=public, signature=signature)


def _device_name(device_props: bytes) -> str:
    try:
        props = DeviceProps.FromString(device_props)
    except DecodeError as error:
        raise RegistrationError("device properties cannot be read") from error
    platform = DeviceProps.PlatformType.Name(props.platformType).replace("_", " ").title()
    return f"{platform} ({props.os})" if props.os else platform
