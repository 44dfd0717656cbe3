"""Clients that wait to be linked: their QR refs and pairing codes, while they are valid."""

import asyncio
import base64
import os
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.pairing_code import KeyBundle
from sandbox.whatsapp_network.qr_windows import QrWindows
from sandbox.whatsapp_network.registration import Registration

if TYPE_CHECKING:
    from sandbox.whatsapp_network.connection import Connection

ENDED_REFS_MAX: Final = 1000


@dataclass(eq=False, slots=True)
class Offer:
    """One unlinked client's offer; it ends with its connection."""

    connection: "Connection"
    registration: Registration
    refs: list[str]
    windows: QrWindows
    ended: bool = False
    linking: bool = False


@dataclass(eq=False, slots=True)
class PendingCode:
    """A code the client shows for one number; the network knows only keys wrapped under it."""

    offer: Offer
    ref: bytes
    wrapped_companion_ephemeral: bytes
    expires_at_s: float
    bundle: "asyncio.Future[KeyBundle] | None" = field(default=None)


class Offers:
    """Looks offers up by what a phone's camera or keyboard gives."""

    def __init__(self) -> None:
        self._by_ref: OrderedDict[str, tuple[Offer, int]] = OrderedDict()
        self._ended_refs: OrderedDict[str, None] = OrderedDict()
        self._codes: dict[str, PendingCode] = {}

    def open(
        self, connection: "Connection", registration: Registration, windows: QrWindows
    ) -> Offer:
        refs = [f"2@{base64.b64encode(os.urandom(30)).decode()}" for _ in windows.ends_at_s]
        offer = Offer(connection, registration, refs, windows)
        self._by_ref.update({ref: (offer, index) for index, ref in enumerate(refs)})
        return offer

    def close(self, offer: Offer) -> None:
        """End an offer: its refs count as expired from now on."""
        offer.ended = True
        for code in self._codes.values():
            if code.offer is offer and code.bundle and not code.bundle.done():
                code.bundle.set_exception(NetworkError(Code.LINK_LOST, "Устройство отключилось"))
        for ref in offer.refs:
            self._by_ref.pop(ref, None)
            self._ended_refs[ref] = None
        while len(self._ended_refs) > ENDED_REFS_MAX:
            self._ended_refs.popitem(last=False)

    def scan(self, ref: str, now_s: float) -> Offer:
        """Return the offer a ref stands for; raise `NetworkError` when it is not on show now."""
        if ref in self._ended_refs:
            raise NetworkError(Code.QR_EXPIRED, "Срок действия QR-кода истёк")
        if ref not in self._by_ref:
            raise NetworkError(Code.QR_UNKNOWN, "Сеть не знает этого QR-кода")
        offer, index = self._by_ref[ref]
        offer.windows.check(index, now_s)
        return offer

    def ask_code(
        self, offer: Offer, number: str, wrapped_ephemeral: bytes, expires_at_s: float
    ) -> PendingCode:
        """Begin linking by code; a newer code for the same number takes the older one's place."""
        ref = secrets.token_hex(8).encode()
        code = PendingCode(offer, ref, wrapped_ephemeral, expires_at_s)
        self._codes[number] = code
        return code

    def code_by_ref(self, offer: Offer, ref: bytes) -> PendingCode | None:
        codes = self._codes.values()
        return next((code for code in codes if code.ref == ref and code.offer is offer), None)

    def code_for(self, number: str, now_s: float) -> PendingCode:
        """Return the code that waits for this number; raise `NetworkError` when none does."""
        code = self._codes.get(number)
        if code is None:
            raise NetworkError(Code.CODE_NONE, "Для этого номера никто не запрашивал код")
        if code.offer.ended or now_s >= code.expires_at_s:
            raise NetworkError(Code.CODE_EXPIRED, "Срок действия кода истёк")
        return code

    def forget_code(self, number: str) -> None:
        self._codes.pop(number, None)
