"""Linkers that report what a test says, and a device in the making."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from whatsapp_service.gateway.linker_protocol import Order, QrText, Report
from whatsapp_service.sessions.linker import Linker

KEY = X25519PrivateKey.generate()
IDENTITY = KEY.public_key().public_bytes_raw()
QR = QrText(
    text=f"https://wa.me/settings/linked_devices#2@qr,bm9pc2U=,{b64encode(IDENTITY).decode()},YQ==,1",
    lifetime_s=60,
)


class ScriptedLinker(Linker):
    def __init__(self) -> None:
        self.told: list[Order] = []
        self.ended = False
        self._reports: asyncio.Queue[Report | None] = asyncio.Queue()

    @property
    def alive(self) -> bool:
        return not self.ended

    def report(self, *reports: Report) -> None:
        for report in reports:
            self._reports.put_nowait(report)

    def tell(self, order: Order) -> None:
        self.told.append(order)

    async def reports(self) -> AsyncIterator[Report]:
        while (report := await self._reports.get()) is not None:
            yield report

    def interrupt(self) -> None:
        self._reports.put_nowait(None)

    async def end(self) -> None:
        self.ended = True
