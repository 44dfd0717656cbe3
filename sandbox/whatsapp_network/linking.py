"""The last step of linking, the same for QR and code: the phone vouches for the new device."""

import hashlib
import time
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError

from sandbox.whatsapp_network.account import Account, Companion
from sandbox.whatsapp_network.ciphers import authenticate
from sandbox.whatsapp_network.connection import ConnectionGoneError
from sandbox.whatsapp_network.curve25519 import verify
from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.faults import FaultKind
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.node import Node, StanzaError
from sandbox.whatsapp_network.offers import Offer
from sandbox.whatsapp_network.passkey import ask_for_passkey
from sandbox.whatsapp_network.protobufs import (
    ADVDeviceIdentity,
    ADVSignedDeviceIdentity,
    ADVSignedDeviceIdentityHMAC,
)

ACCOUNT_SIGNATURE: Final = b"\x06\x00"
DEVICE_SIGNATURE: Final = b"\x06\x01"
_RAW_ID: Final = 1


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """What the account signs about a new device."""

    details: bytes
    signed: bytes

    @classmethod
    def issue(cls, account: Account, device: int, companion_identity: bytes) -> "DeviceIdentity":
        details: bytes = ADVDeviceIdentity(
            rawID=_RAW_ID, timestamp=int(time.time()), keyIndex=device
        ).SerializeToString()
        signed: bytes = ADVSignedDeviceIdentity(
            details=details,
            accountSignatureKey=account.identity.public,
            accountSignature=account.identity.sign(
                ACCOUNT_SIGNATURE + details + companion_identity
            ),
        ).SerializeToString()
        return cls(details, signed)

    def sealed(self, adv_secret: bytes) -> bytes:
        """Return it authenticated under the secret that only phone and companion share."""
        mac = authenticate(adv_secret, self.signed)
        container: bytes = ADVSignedDeviceIdentityHMAC(
            details=self.signed, HMAC=mac
        ).SerializeToString()
        return container


async def link_device(
    network: Network, offer: Offer, account: Account, adv_secret: bytes
) -> Companion:
    """Link the client behind an offer to an account; raise `NetworkError` when it does not work.

    Afterwards the client is told to log in anew, as the device it has become.
    """
    if offer.linking or offer.ended:
        raise NetworkError(Code.LINK_BUSY, "Это устройство уже привязывается")
    if account.passkey_required:
        await ask_for_passkey(network, offer, account)
    offer.linking = True
    try:
        companion = await _vouch(network, offer, account, adv_secret)
    finally:
        offer.linking = False
    account.companions[companion.device] = companion
    network.offers.close(offer)
    network.offers.forget_code(account.number)
    network.journal.note("linked", account.number, companion.device)
    network.changed()
    offer.connection.spawn(offer.connection.end_stream_error(code="515"), "restart-required")
    return companion


async def _vouch(network: Network, offer: Offer, account: Account, adv_secret: bytes) -> Companion:
    device, registration = account.next_device, offer.registration
    account.next_device += 1
    identity = DeviceIdentity.issue(account, device, registration.identity)
    if network.faults.take(frozenset({FaultKind.BAD_PAIRING}), account.number):
        adv_secret = hashlib.sha256(adv_secret).digest()
    reply = await _ask(offer, _pair_success(account, device, identity.sealed(adv_secret)))
    _check_device_signature(reply, identity, account, registration.identity)
    return Companion(
        device=device,
        name=registration.name,
        identity=registration.identity,
        registration_id=registration.registration_id,
        signed_prekey=registration.signed_prekey,
        noise_static=offer.connection.client_static,
    )


def _pair_success(account: Account, device: int, container: bytes) -> Node:
    addresses = {"jid": account.jid(device), "lid": account.lid_jid(device)}
    return Node(
        "pair-success",
        content=[
            Node("device-identity", content=container),
            Node("device", addresses),
            Node("platform", {"name": "android"}),
        ],
    )


async def _ask(offer: Offer, pair_success: Node) -> Node:
    try:
        reply = await offer.connection.request(pair_success, t=str(int(time.time())))
    except TimeoutError as error:
        raise NetworkError(Code.LINK_TIMEOUT, "Устройство не ответило") from error
    except ConnectionGoneError as error:
        raise NetworkError(Code.LINK_LOST, "Устройство отключилось") from error
    if reply.text("type") == "error":
        raise NetworkError(Code.LINK_REFUSED, "Устройство отказалось от привязки")
    return reply


def _check_device_signature(
    reply: Node, identity: DeviceIdentity, account: Account, companion_identity: bytes
) -> None:
    try:
        signed = ADVSignedDeviceIdentity.FromString(
            reply.data("pair-device-sign", "device-identity")
        )
    except (StanzaError, DecodeError) as error:
        raise NetworkError(Code.LINK_REFUSED, "Ответ устройства не разобрать") from error
    message = DEVICE_SIGNATURE + identity.details + companion_identity + account.identity.public
    if not verify(companion_identity, message, signed.deviceSignature):
        raise NetworkError(Code.LINK_REFUSED, "Подпись устройства не сходится")
