"""One linked salon's connection, opened from stored credentials."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from shared.company_id import SessionId
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.events import CONVERSIONS, GatewayEvent, OpenFailed
from whatsapp_service.gateway.library import Library
from whatsapp_service.gateway.proxy_faults import fault_in
from whatsapp_service.proxy_url import ProxyUrl

_log = structlog.get_logger(__name__)

REGISTRATION_S: Final = 1.5
ABOUT_ITSELF: Final = 0
"""The number of a client's first report. The library tells it once, after the last look of the
connecting client into the shared maps; every event comes later."""
STOP_S: Final = 6.0
"""The library gives its close 5 s. In a silent proxy it never ends; all others wait meanwhile."""
NOBODY: Final = b"nobody"
LOG_OUT_S: Final = 6.0

Deliver = Callable[[GatewayEvent], None]
Report = Callable[[int, int, int, int], None]


class LogOutFailedError(Exception):
    """WhatsApp did not confirm that the device is off the account."""


class Gateway:
    """Opens clients.

    The Go side keeps them in plain maps, so calls that change the maps go one at a time: two at
    once kill the process ("concurrent map writes").
    """

    def __init__(self, library: Library, store_url: str, device_name: str) -> None:
        self.library = library
        self.store_url = store_url
        self.device_name = device_name
        self.changes = asyncio.Lock()
        self._numbers = itertools.count(1)

    def client_for(
        self, session_id: SessionId, device: DeviceJid, route: ProxyUrl | None, deliver: Deliver
    ) -> "LinkedClient":
        """``device`` must be in the store: the library kills the process for one that is not.

        All connections of the client go through ``route``, reconnections too; None is directly.
        """
        return LinkedClient(self, f"{session_id}#{next(self._numbers)}", device, route, deliver)


class LinkedClient:
    """Used once: open, then close. ``deliver`` runs on the event loop, in the events' order.

    The name is new for every client: two clients of one name fight on the Go side, and by default
    the name is the phone number, which two devices of one account share.
    """

    def __init__(
        self,
        gateway: Gateway,
        name: str,
        device: DeviceJid,
        route: ProxyUrl | None,
        deliver: Deliver,
    ) -> None:
        self._gateway = gateway
        self._deliver = deliver
        self.route = route
        self._registered = asyncio.Event()
        self._closing = False
        library = gateway.library
        jid = library.jid(
            User=str(device.phone),
            Device=device.device,
            Server="s.whatsapp.net",
            RawAgent=0,
            Integrator=0,
            IsEmpty=False,
        )
        props = library.device_props(os=gateway.device_name, platformType=1)
        self._client = library.client(gateway.store_url, jid=jid, props=props)
        self._client._stop_finalizer.detach()  # noqa: SLF001 - it would stop a namesake
        self._client.uuid = name.encode()
        self._client.event.execute = self._watch_registration(self._client.event.execute)
        for event_name, convert in CONVERSIONS.items():
            self._client.event(getattr(library.events, event_name))(self._handler(convert))

    async def open(self) -> None:
        """Start connecting; what comes of it arrives as events.

        Others wait only until the socket is up and the Go side has registered the client; logging
        in goes on beside them.
        """
        library = self._gateway.library
        async with self._gateway.changes:
            # Without settings Go would take a proxy from the environment.
            settings = library.proxy_settings(self.route.for_library if self.route else "")
            task: asyncio.Task[None] = await self._client.connect(settings)
            task.add_done_callback(self._ended)
            self._client.connect_task = task
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._registered.wait(), REGISTRATION_S)

    async def log_out(self) -> None:
        """Take the device off the account; the library deletes its credentials.

        The client must be open, and is to be closed afterwards. Raises LogOutFailedError.
        """
        try:
            async with self._gateway.changes, asyncio.timeout(LOG_OUT_S):
                await self._client.logout()
        except Exception as error:
            raise LogOutFailedError(type(error).__name__) from error

    async def close(self) -> None:
        """Disconnect and let the Go side forget the client. Idempotent."""
        if self._closing:
            return
        self._closing = True
        task = self._client.connect_task
        if task is None:
            return
        patience_s = STOP_S
        async with self._gateway.changes:
            try:
                await asyncio.wait_for(self._client.stop(), STOP_S)
            except TimeoutError:
                patience_s = 0
        done, _ = await asyncio.wait({task}, timeout=patience_s)
        if not done:
            _log.warning("gateway_call_left_open")
            # Cancelling it calls Go's stop on the event loop, which would hang as this one did.
            self._client.uuid = NOBODY
            task.cancel()

    def _watch_registration(self, execute: Report) -> Report:
        """Cross from Go's thread here, too: what the client says of itself has no handler."""
        loop = asyncio.get_running_loop()

        def watch(uuid: int, content: int, size: int, number: int) -> None:
            execute(uuid, content, size, number)
            if number == ABOUT_ITSELF:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                    loop.call_soon_threadsafe(self._registered.set)

        return watch

    def _handler(
        self, convert: Callable[[Any], GatewayEvent]
    ) -> Callable[[Any, Any], Coroutine[Any, Any, None]]:
        """Cross from Go's thread: neonize schedules this on our loop, in order; it never waits."""

        async def handle(_client: Any, event: Any) -> None:
            self._registered.set()
            if not self._closing:
                self._deliver(convert(event))

        return handle

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._registered.set()
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not self._closing:
            self._deliver(OpenFailed(fault_in(str(error)) if self.route else None))
