"""One attempt to link a new device. Lives in a linker process only.

An attempt that ends without a link leaves a thread that nothing can stop (neonize 0.5.2), so the
process around it is thrown away afterwards.
"""

import asyncio
import ctypes
import logging
import re
from collections.abc import Callable
from typing import Any, Final

import structlog

from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.library import Library
from whatsapp_service.gateway.linker_protocol import (
    CodeFailed,
    CodeGiven,
    Ended,
    EndReason,
    Linked,
    Paired,
    QrText,
    Report,
    Start,
)
from whatsapp_service.gateway.proxy_faults import ProxyFault, diagnose
from whatsapp_service.proxy_url import ProxyUrl

_log = structlog.get_logger(__name__)

FIRST_QR_S: Final = 60
LATER_QR_S: Final = 20
FIRST_LOGIN_S: Final = 60.0
STOP_S: Final = 8.0
SILENCE_S: Final = 3.0
"""Without a QR for so long, the proxy is asked whether it is there; the answer takes 3 s more."""

_PAIR_SUCCESS: Final = 2
_SERVER_REFUSED: Final = re.compile(r"server returned|status[: ]|\b4\d\d\b|bad-request|forbidden")
_LOGIN_STATUS: Final[dict[str, EndReason]] = {
    "timeout": "qr-expired",
    "err-client-outdated": "outdated",
    "err-unexpected-state": "failed",
    "err-scanned-without-multidevice": "refused",
    "error": "refused",
    "passkey-request": "passkey",
    "passkey-confirmation": "passkey",
}


class LinkingClient:
    def __init__(self, library: Library, start: Start, tell: Callable[[Report], None]) -> None:
        self._tell = tell
        self._route = ProxyUrl.parse(start.proxy_url) if start.proxy_url else None
        self._proxy_settings = library.proxy_settings(start.proxy_url)
        self._loop = asyncio.get_running_loop()
        self._device: DeviceJid | None = None
        self._qr_count = 0
        self._first_qr = asyncio.Event()
        self._over = asyncio.Event()
        props = library.device_props(os=start.device_name, platformType=1)
        self._client = library.client(start.store_url, uuid="linking", props=props, new_device=True)
        # Before pairing the library sends no events; the outcome of the QR channel comes here.
        self._client._NewAClient__onLoginStatus = self._on_login_status  # noqa: SLF001
        self._client.qr(self._on_qr)
        self._client.event(library.events.PairStatusEv)(self._on_pair_status)
        self._client.event(library.events.ConnectedEv)(self._on_connected)
        for name, reason in (
            ("LoggedOutEv", "refused"),
            ("TemporaryBanEv", "refused"),
            ("ConnectFailureEv", "refused"),
            ("ClientOutdatedEv", "outdated"),
        ):
            self._client.event(getattr(library.events, name))(self._ending(reason))

    async def run(self) -> None:
        """Until the attempt is over, one way or the other."""
        connecting = await self._client.connect(self._proxy_settings)
        watch = asyncio.create_task(self._watch(connecting), name="connection watch")
        await self._over.wait()
        watch.cancel()

    async def give_code(self, request: int, phone: str) -> None:
        """Ask for a code once the connection is there: right after connect() the call fails."""
        await self._first_qr.wait()
        try:
            code = await self._client.PairPhone(phone, show_push_notification=True)
        except Exception as error:  # noqa: BLE001 - the library raises its own, documented nowhere
            refused = bool(_SERVER_REFUSED.search(str(error)))
            self._tell(CodeFailed(request=request, refused=refused))
            return
        self._tell(CodeGiven(request=request, code=code))

    async def _on_qr(self, _client: Any, text: bytes) -> None:
        lifetime_s = LATER_QR_S if self._qr_count else FIRST_QR_S
        self._qr_count += 1
        self._first_qr.set()
        self._tell(QrText(text=text.decode(), lifetime_s=lifetime_s))

    async def _on_pair_status(self, _client: Any, event: Any) -> None:
        if event.Status != _PAIR_SUCCESS:
            self._end("refused")
            return
        self._device = DeviceJid.parse(f"{event.ID.User}:{event.ID.Device}@{event.ID.Server}")
        self._tell(Paired(jid=str(self._device)))
        self._loop.call_later(FIRST_LOGIN_S, self._end, "failed")

    async def _on_connected(self, _client: Any, _event: Any) -> None:
        """The library uploads prekeys before it says Connected; nothing more is to be done."""
        if self._device is None or self._over.is_set():
            return
        device = self._device
        # The phone's first messages are cut off here and come again at the next login.
        logging.getLogger("whatsmeow").setLevel(logging.CRITICAL)
        await asyncio.wait_for(self._client.stop(), STOP_S)
        self._tell(Linked(jid=str(device)))
        self._over.set()

    def _ending(self, reason: Any) -> Callable[[Any, Any], Any]:
        async def end(_client: Any, _event: Any) -> None:
            self._end(reason)

        return end

    def _on_login_status(self, _uuid: int, address: int) -> None:
        """Runs in Go's thread."""
        status = ctypes.string_at(address).decode()
        self._loop.call_soon_threadsafe(self._login_status, status)

    def _login_status(self, status: str) -> None:
        reason = _LOGIN_STATUS.get(status)
        if reason is not None:
            self._end(reason)

    async def _watch(self, call: "asyncio.Task[None]") -> None:
        """End the attempt when no connection comes about, whoever is to blame for it."""
        await asyncio.wait({call}, timeout=SILENCE_S)
        if not call.done() and not self._first_qr.is_set():
            fault = await diagnose(self._route, "")
            if fault is not None and not self._first_qr.is_set():
                self._blame_proxy(fault)
        await asyncio.wait({call})
        error = call.exception()
        if error is not None:
            fault = await diagnose(self._route, str(error))
            if fault is not None:
                self._blame_proxy(fault)
            self._end("unreachable")

    def _blame_proxy(self, fault: ProxyFault) -> None:
        _log.warning("proxy_unusable", fault=fault)
        self._end("proxy")

    def _end(self, reason: EndReason) -> None:
        if not self._over.is_set():
            self._tell(Ended(reason=reason))
            self._over.set()
