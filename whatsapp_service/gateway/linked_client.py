"""One linked salon's connection, opened from stored credentials."""

import asyncio
import contextlib
import itertools
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from shared.company_id import SessionId
from whatsapp_service.gateway.client_maps import ClientMaps
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.events import (
    CONVERSIONS,
    Answered,
    GatewayEvent,
    OpenFailed,
    Refused,
)
from whatsapp_service.gateway.library import Library
from whatsapp_service.gateway.proxy_faults import fault_in
from whatsapp_service.gateway.store_schema import is_unreadable
from whatsapp_service.proxy_url import ProxyUrl

_log = structlog.get_logger(__name__)

REGISTRATION_S: Final = 1.5
ABOUT_ITSELF: Final = 0
"""The number of a client's first report. The library tells it once, after the last look of the
connecting client into the shared maps; every event comes later."""
STOP_S: Final = 6.0
"""The library waits 5 s for the other end to close, too. In a silent proxy it never ends."""
DEPARTURE_S: Final = 600.0
"""For a close that hangs: so long it is waited for before its client is left in the library."""
DIAGNOSIS_S: Final = 2.0
TURN_S: Final = 60.0
"""For a turn at the library while many connections are opened."""
NOBODY: Final = b"nobody"
LOG_OUT_S: Final = 6.0

T = TypeVar("T")
Deliver = Callable[[GatewayEvent], None]
Report = Callable[[int, int, int, int], None]


_REFUSED: Final = re.compile(r"(b['\"])?info query returned ")
"""How the library's error begins when WhatsApp has answered, though it refused."""


@dataclass(frozen=True, slots=True)
class LineReport:
    """What a round trip has shown; ``connected``, ``logged_in`` are what the library believes."""

    answered: bool
    connected: bool = True
    logged_in: bool = True
    round_trip_s: float | None = None


class LogOutFailedError(Exception):
    """WhatsApp did not confirm that the device is off the account."""


class Gateway:
    """Opens clients.

    Every call of theirs goes by ``maps``, which keeps the library from killing the process.
    ``left_behind`` counts those that were opened and closed: the library keeps the connections to
    Postgres of each.
    """

    def __init__(self, library: Library, store_url: str, device_name: str) -> None:
        self.library = library
        self.store_url = store_url
        self.device_name = device_name
        self.maps = ClientMaps()
        self.left_behind = 0
        self._numbers = itertools.count(1)
        self._departures: set[asyncio.Task[None]] = set()

    def client_for(
        self, session_id: SessionId, device: DeviceJid, route: ProxyUrl | None, deliver: Deliver
    ) -> "LinkedClient":
        """``device`` must be in the store: the library kills the process for one that is not.

        All connections of the client go through ``route``, reconnections too; None is directly.
        """
        return LinkedClient(self, f"{session_id}#{next(self._numbers)}", device, route, deliver)

    def see_off(self, departure: Coroutine[Any, Any, None]) -> None:
        """Own what is left to do for a client whose close hangs; it has an end of its own."""
        task = asyncio.create_task(departure, name="client departure")
        self._departures.add(task)
        task.add_done_callback(self._departures.discard)


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
        async with self._gateway.maps.changing():
            # Without settings Go would take a proxy from the environment.
            settings = library.proxy_settings(self.route.for_library if self.route else "")
            task: asyncio.Task[None] = await library.log_of_clients.connect(
                lambda: self._client.connect(settings), self._cross(self._on_refusal)
            )
            task.add_done_callback(self._ended)
            self._client.connect_task = task
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._registered.wait(), REGISTRATION_S)

    async def log_out(self) -> None:
        """Take the device off the account; the library deletes its credentials.

        The client must be open, and is to be closed afterwards. Raises LogOutFailedError.
        """
        try:
            await self._call(self._client.logout, LOG_OUT_S)
        except Exception as error:
            raise LogOutFailedError(type(error).__name__) from error

    async def prove_line(self, answer_s: float) -> LineReport:
        """Ask WhatsApp something and wait so long for the answer. Raises TimeoutError for no turn.

        The question is the one that follows every login: that this device is active. It changes
        nothing and costs one small stanza each way. In Go it goes on for 75 s when nobody answers,
        or until the client is closed: an answer that is late comes as `Answered`.
        """

        async def ask() -> float:
            began = time.monotonic()
            await self._client.set_passive(False)
            return time.monotonic() - began

        asking = await self._start(ask)
        asking.add_done_callback(self._on_answer)
        try:
            async with asyncio.timeout(answer_s):
                return LineReport(answered=True, round_trip_s=await asyncio.shield(asking))
        except Exception as error:  # noqa: BLE001 - the library raises its own and Go's
            if _REFUSED.match(str(error)):
                return LineReport(answered=True)
        try:
            connected = await self._call(lambda: self._client.is_connected, DIAGNOSIS_S)
            logged_in = await self._call(lambda: self._client.is_logged_in, DIAGNOSIS_S)
        except TimeoutError:
            return LineReport(answered=False, connected=False, logged_in=False)
        return LineReport(answered=False, connected=connected, logged_in=logged_in)

    def _on_answer(self, asking: asyncio.Future[float]) -> None:
        if asking.cancelled():
            return
        error = asking.exception()
        if not self._closing and (error is None or _REFUSED.match(str(error))):
            self._deliver(Answered())

    async def close(self) -> None:
        """Disconnect and let the Go side forget the client. Idempotent.

        A line that has gone dark is waited for without keeping others from theirs.
        """
        if self._closing:
            return
        self._closing = True
        task = self._client.connect_task
        if task is None:
            return
        self._gateway.left_behind += 1
        disconnecting = await self._gateway.maps.call(self._client.disconnect)
        await asyncio.wait({disconnecting}, timeout=STOP_S)
        if not disconnecting.done() or not await self._forget(task):
            _log.warning("gateway_call_left_open")
            self._gateway.see_off(self._depart(disconnecting, task))

    async def _forget(self, task: asyncio.Task[None]) -> bool:
        """Nothing is connected any more: the library drops the client, and its call ends."""
        async with self._gateway.maps.changing():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._client.stop(), STOP_S)
        done, _ = await asyncio.wait({task}, timeout=STOP_S)
        return bool(done)

    async def _depart(self, disconnecting: asyncio.Future[None], task: asyncio.Task[None]) -> None:
        await asyncio.wait({disconnecting}, timeout=DEPARTURE_S)
        if not disconnecting.done() or not await self._forget(task):
            # Cancelling it calls Go's stop on the event loop, which would hang as this one did.
            self._client.uuid = NOBODY
            async with self._gateway.maps.changing():
                task.cancel()
                await asyncio.wait({task}, timeout=STOP_S)

    def _cross(self, call: Callable[[int], None]) -> Callable[[int], None]:
        """From a thread of Go's into our loop."""
        loop = asyncio.get_running_loop()

        def cross(value: int) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(call, value)

        return cross

    def _on_refusal(self, code: int) -> None:
        self._registered.set()
        if not self._closing:
            self._deliver(Refused(code))

    def _watch_registration(self, execute: Report) -> Report:
        """Cross from Go's thread here, too: what the client says of itself has no handler."""
        loop = asyncio.get_running_loop()

        def watch(uuid: int, content: int, size: int, number: int) -> None:
            execute(uuid, content, size, number)
            if number == ABOUT_ITSELF:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                    loop.call_soon_threadsafe(self._registered.set)

        return watch

    async def _call(self, call: Callable[[], Awaitable[T]], timeout_s: float) -> T:
        """Raises TimeoutError; the time begins when the library has been called."""
        future = await self._start(call)
        async with asyncio.timeout(timeout_s):
            return await future

    async def _start(self, call: Callable[[], Awaitable[T]]) -> asyncio.Future[T]:
        async with asyncio.timeout(TURN_S):
            return await self._gateway.maps.call(call)

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
            text = str(error)
            fault = fault_in(text) if self.route else None
            self._deliver(OpenFailed(fault, unreadable=is_unreadable(text)))
