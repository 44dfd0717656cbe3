"""What a person does on the primary phone: scan a QR, type a code, look at linked devices."""

import asyncio
import base64
import binascii
import time
from dataclasses import dataclass
from typing import Final

from sandbox.whatsapp_network.account import Account, Companion
from sandbox.whatsapp_network.connection import ConnectionGoneError
from sandbox.whatsapp_network.curve25519 import KeyPair
from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.jid import SERVER
from sandbox.whatsapp_network.linking import link_device
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.node import Attribute, Node
from sandbox.whatsapp_network.offers import PendingCode
from sandbox.whatsapp_network.pairing_code import (
    KeyBundle,
    WrongCodeError,
    normalise,
    open_bundle,
    unwrap_key,
    wrap_key,
)

QR_FIELDS_MIN: Final = 4


@dataclass(frozen=True, slots=True)
class QrCode:
    """`<link>#ref,noise key,identity key,ADV secret,client type`.

    Older clients omit the link and the client type.
    """

    ref: str
    noise_static: bytes
    identity: bytes
    adv_secret: bytes

    @classmethod
    def parse(cls, text: str) -> "QrCode":
        """Raise `NetworkError` when the text is not a WhatsApp linking code."""
        fields = text.strip().rpartition("#")[2].split(",")
        if len(fields) < QR_FIELDS_MIN:
            raise NetworkError(Code.QR_INVALID, "Это не QR-код WhatsApp")
        try:
            keys = [base64.b64decode(field, validate=True) for field in fields[1:4]]
        except binascii.Error as error:
            raise NetworkError(Code.QR_INVALID, "Это не QR-код WhatsApp") from error
        return cls(fields[0], *keys)


class Phone:
    """The primary phone of an account, acting now."""

    def __init__(self, network: Network, account: Account) -> None:
        self._network = network
        self._account = account

    async def scan(self, qr_text: str) -> Companion:
        """Link the client that shows this QR; raise `NetworkError`."""
        qr = QrCode.parse(qr_text)
        offer = self._network.offers.scan(qr.ref, self._network.clock_s())
        shown = (qr.noise_static, qr.identity)
        if shown != (offer.connection.client_static, offer.registration.identity):
            raise NetworkError(Code.QR_MISMATCH, "Ключи в QR-коде принадлежат другому устройству")
        return await link_device(self._network, offer, self._account, qr.adv_secret)

    async def type_code(self, typed: str) -> Companion:
        """Link the client that shows this code for this number; raise `NetworkError`."""
        code = normalise(typed)
        if code is None:
            raise NetworkError(Code.CODE_INVALID, "Код состоит из 8 букв и цифр")
        pending = self._network.offers.code_for(self._account.number, self._network.clock_s())
        try:
            adv_secret = await self._agree(pending, code)
        except WrongCodeError as error:
            self._network.journal.note("wrong_code", self._account.number)
            raise NetworkError(Code.CODE_WRONG, "Неверный код") from error
        return await link_device(self._network, pending.offer, self._account, adv_secret)

    async def unlink(self, device: int) -> None:
        """Take a companion off the account, whether it is online or not."""
        number = self._account.number
        self._network.companion(number, device)
        connection = self._network.online(number, device)
        self._network.remove_companion(number, device)
        if connection:
            conflict = Node("conflict", {"type": "device_removed"})
            await connection.end_stream_error([conflict], code="401")

    async def _agree(self, pending: PendingCode, code: str) -> bytes:
        ephemeral = KeyPair()
        wrapped = await asyncio.to_thread(wrap_key, code, ephemeral.public)
        bundle = await self._exchange(pending, wrapped)
        companion_ephemeral = await asyncio.to_thread(
            unwrap_key, code, pending.wrapped_companion_ephemeral
        )
        return open_bundle(bundle, ephemeral, companion_ephemeral, self._account.identity)

    async def _exchange(self, pending: PendingCode, wrapped: bytes) -> KeyBundle:
        """Give the companion our wrapped key and return the bundle it answers with."""
        if pending.bundle is not None:
            raise NetworkError(Code.LINK_BUSY, "Код уже проверяется")
        pending.bundle = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._network.settings.request_deadline_s):
                await pending.offer.connection.send(self._primary_hello(pending, wrapped))
                return await pending.bundle
        except TimeoutError as error:
            raise NetworkError(Code.LINK_TIMEOUT, "Устройство не ответило") from error
        except ConnectionGoneError as error:
            raise NetworkError(Code.LINK_LOST, "Устройство отключилось") from error
        finally:
            pending.bundle = None

    def _primary_hello(self, pending: PendingCode, wrapped: bytes) -> Node:
        hello = [
            Node("link_code_pairing_ref", content=pending.ref),
            Node("link_code_pairing_wrapped_primary_ephemeral_pub", content=wrapped),
            Node("primary_identity_pub", content=self._account.identity.public),
        ]
        head: dict[str, Attribute] = {
            "from": SERVER,
            "type": "link_code_companion_reg",
            "id": pending.offer.connection.next_id(),
            "t": str(int(time.time())),
        }
        registration = Node("link_code_companion_reg", {"stage": "primary_hello"}, hello)
        return Node("notification", head, [registration])
