"""An onboarding page for tests: Engine.IO 4 and Socket.IO 5 by hand, over WebSocket or polling.

By hand, so that a test can also send what no client library would.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, Final, Literal, Protocol

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from sandbox.services.loopback import NOBODY
from tests.support.waiting import PATIENCE_S, wait_until

NAMESPACE: Final = "/marketplace"
CODE_ANSWERS: Final = frozenset({"pairing-code", "pairing-code-error"})
SEPARATOR: Final = "\x1e"
Transport = Literal["websocket", "polling"]


class LinkClosedError(Exception):
    """The server has ended the transport."""


class RefusedError(Exception):
    """The server has refused the transport; the HTTP status is the argument."""


class Link(Protocol):
    async def send(self, packet: str) -> None: ...

    async def receive(self) -> list[str]:
        """At least one packet. Raises LinkClosedError."""

    async def close(self) -> None: ...


class WebSocketLink:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, packet: str) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self.socket.send(packet)

    async def receive(self) -> list[str]:
        try:
            return [str(await self.socket.recv())]
        except ConnectionClosed as error:
            raise LinkClosedError from error

    async def close(self) -> None:
        await self.socket.close()


class PollingLink:
    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._params = {"EIO": "4", "transport": "polling"}

    def use(self, sid: str) -> None:
        self._params["sid"] = sid

    async def send(self, packet: str) -> None:
        await self._http.post("/socket.io/", params=self._params, content=packet)

    async def receive(self) -> list[str]:
        try:
            answer = await self._http.get("/socket.io/", params=self._params)
        except httpx2.HTTPError as error:
            raise LinkClosedError from error
        if answer.status_code != httpx2.codes.OK:
            raise RefusedError(answer.status_code)
        return answer.text.split(SEPARATOR)

    async def close(self) -> None:
        await self._http.aclose()


class Page:
    """Remembers in order all that it was told."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.told: list[tuple[str, Any]] = []
        self.in_namespace = False
        self.closed = False
        self._listening: asyncio.Task[None] | None = None

    async def enter(self, auth: object | None) -> None:
        """Open the engine's session and join the namespace."""
        [opened, *more] = await self.link.receive()
        session = json.loads(opened[1:])
        if isinstance(self.link, PollingLink):
            self.link.use(session["sid"])
        for packet in more:
            await self._take(packet)
        self._listening = asyncio.create_task(self._listen(), name="page of a test")
        payload = "" if auth is None else json.dumps(auth)
        await self.link.send(f"40{NAMESPACE},{payload}")
        await wait_until(lambda: self.in_namespace or self.told, what="the page is let in")

    async def ask(self, event: str, *payload: Any) -> None:
        await self.link.send(f"42{NAMESPACE},{json.dumps([event, *payload])}")

    async def ask_code(self, phone: str) -> tuple[str, Any]:
        """The event that answers, and its payload.

        Asked again while the request before is being finished: its answer comes a moment earlier.
        """

        async def answered() -> tuple[str, Any] | None:
            before = len(self.told)
            await self.ask("request-pairing-code", {"phoneNumber": phone})
            answer = await wait_until(
                lambda: [told for told in self.told[before:] if told[0] in CODE_ANSWERS],
                what="an answer to the request for a code",
            )
            busy = answer[0][1].get("code") == "REQUEST_IN_PROGRESS"
            return None if busy else answer[0]

        answer: tuple[str, Any] | None = await wait_until(
            answered, what="the request before is finished"
        )
        assert answer is not None
        return answer

    def all(self, event: str) -> list[Any]:
        return [payload for name, payload in self.told if name == event]

    async def next(self, event: str, count: int = 1) -> Any:
        """The ``count``-th payload of that name, once it is there."""
        await wait_until(lambda: len(self.all(event)) >= count, what=f"{event} no. {count}")
        return self.all(event)[count - 1]

    async def gone(self) -> None:
        """Wait until the server has let this page go, or has closed its transport."""
        await wait_until(lambda: self.closed or not self.in_namespace, what="the page is let go")

    async def close(self) -> None:
        """As a closed tab."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self.link.close()

    async def _listen(self) -> None:
        try:
            while True:
                for packet in await self.link.receive():
                    await self._take(packet)
        except (LinkClosedError, RefusedError):
            self.closed = True
            self.in_namespace = False

    async def _take(self, packet: str) -> None:
        if packet == "2":
            await self.link.send("3")
        elif packet.startswith(f"40{NAMESPACE},"):
            self.in_namespace = True
        elif packet.startswith(f"41{NAMESPACE}"):
            self.in_namespace = False
        elif packet.startswith(f"42{NAMESPACE},"):
            event, *arguments = json.loads(packet.removeprefix(f"42{NAMESPACE},"))
            self.told.append((event, arguments[0] if arguments else None))


@contextlib.asynccontextmanager
async def open_page(
    url: str,
    token: str | None,
    *,
    transport: Transport = "websocket",
    headers: dict[str, str] | None = None,
    query: str = "",
    source: str | None = None,
) -> AsyncIterator[Page]:
    """A page that has been let in, or told why not. ``token`` goes into ``auth``."""
    page = Page(
        await open_link(url, transport=transport, headers=headers, query=query, source=source)
    )
    try:
        await page.enter(None if token is None else {"token": token})
        yield page
    finally:
        await page.close()


async def open_link(
    url: str,
    *,
    transport: Transport = "websocket",
    headers: dict[str, str] | None = None,
    query: str = "",
    source: str | None = None,
) -> Link:
    """``source``: the address it comes from, any of 127.0.0.0/8."""
    if transport == "polling":
        way = httpx2.AsyncHTTPTransport(verify=NOBODY, local_address=source)
        http = httpx2.AsyncClient(
            base_url=url, headers=headers, timeout=40, transport=way, verify=NOBODY
        )
        return PollingLink(http)
    socket = await connect(
        f"{url.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket{query}",
        additional_headers=headers,
        proxy=None,
        local_addr=None if source is None else (source, 0),
        ping_interval=None,  # as a browser: it is the server that asks
        open_timeout=PATIENCE_S,
    )
    return WebSocketLink(socket)
