"""The API's side of the onboarding page, played by a test: real HTTP and Socket.IO, no logic.

It serves the built page with the headers of production and says on the socket what the test tells
it to; what the page says is kept for the test to await.
"""

import asyncio
import base64
import io
import json
import re
import socket
import time
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import segno
import socketio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from api_service.web.assets import Assets
from api_service.web.headers import page_headers
from sandbox.services.ports import free_port
from tests.support.waiting import PATIENCE_S, wait_until

NAMESPACE: Final = "/marketplace"
SHUTDOWN_TIMEOUT_S: Final = 1

Payload = dict[str, Any]


def onboarding_token(
    title: str = "Салон «Ромашка»", expires_in_s: float = 3600, salon_id: int = 1001
) -> str:
    """A token that can be read but not verified: nobody verifies it here."""

    def part(value: Payload) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = {
        "company_id": 1,
        "salon_id": salon_id,
        "company_title": title,
        "exp": int(time.time() + expires_in_s),
    }
    return f"{part({'alg': 'HS256'})}.{part(claims)}.c2lnbmF0dXJlLW9mLXRoZS10ZXN0"


def qr_image(text: str) -> str:
    """Draw `text` the way the API does: an SVG in a data: URL."""
    picture = io.BytesIO()
    segno.make(text, error="l").save(picture, kind="svg", border=0, xmldecl=False, omitsize=True)
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.getvalue()).decode()}"


class ScriptedApi:
    """One server on a free port of the loopback; use `serve`."""

    def __init__(self, page_dir: Path) -> None:
        self.present: list[tuple[str, Payload]] = []
        """What a page is told when it connects."""
        self.send_away_with: Payload | None = None
        """The `error` event that a connecting page gets before it is disconnected."""
        self.clock_ahead_ms = 0
        """How far this server's clock is ahead of the page's."""
        self.script_served: str | None = None
        """The script that a newer page would load; None for the page as it was built."""
        self.connections = 0
        self.tokens: list[Any] = []
        self.heard: list[tuple[str, Any]] = []
        self._page_dir = page_dir
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def serve(cls, page_dir: Path) -> AsyncIterator["ScriptedApi"]:
        api = cls(page_dir)
        await api.start()
        try:
            yield api
        finally:
            await api.stop()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def page_url(self, token: str | None = None) -> str:
        query = "" if token is None else f"?token={token}"
        return f"{self.origin}/marketplace/onboarding{query}"

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._port = self._port or free_port()
        listener.bind(("127.0.0.1", self._port))
        self._io = self._new_socket_server()
        config = uvicorn.Config(
            self._app(),
            log_level="error",
            lifespan="off",
            ws="websockets-sansio",
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        )
        server = uvicorn.Server(config)
        self._server = server
        self._serving = asyncio.create_task(server.serve([listener]), name="scripted-api")
        await wait_until(lambda: server.started, what="the scripted API listens")

    async def stop(self) -> None:
        """Close every connection and the port: to the page, the server is gone."""
        if self._server is None or self._serving is None:
            return
        await self._io.shutdown()
        self._server.should_exit = True
        await self._serving
        self._server = self._serving = None

    async def say(self, event: str, **payload: Any) -> None:
        """Tell every page that is connected."""
        await self._io.emit(event, self._stamped(payload), namespace=NAMESPACE)

    async def say_qr(self, text: str, expires_in_s: float = 20.0) -> None:
        await self.say("qr-update", **self.qr(text, expires_in_s))

    async def say_code(self, code: str = "ABCD-1234", expires_in_s: float = 50.0) -> None:
        await self.say("pairing-code", **self.code(code, expires_in_s))

    def qr(self, text: str, expires_in_s: float = 20.0) -> Payload:
        return {"qr": text, "image": qr_image(text), **self._lifetime(expires_in_s)}

    def code(self, code: str = "ABCD-1234", expires_in_s: float = 50.0) -> Payload:
        return {"code": code, "phoneNumber": "79990000001", **self._lifetime(expires_in_s)}

    async def hear(self, event: str, timeout_s: float = PATIENCE_S) -> Any:
        """Return the payload of the next `event` that a page sends, or has sent since."""

        def heard() -> tuple[str, Any] | None:
            return next((entry for entry in self.heard if entry[0] == event), None)

        entry = await wait_until(heard, timeout_s, f"the page sends {event}")
        assert entry is not None
        self.heard.remove(entry)
        return entry[1]

    def cut(self) -> None:
        """Reset every TCP connection, as a lost network does; the port stays open."""
        assert self._server is not None
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()

    async def send_away(self, **error: Any) -> None:
        """Disconnect every page, after an `error` event when one is given."""
        for sid in self._sids():
            if error:
                await self._io.emit("error", self._stamped(error), to=sid, namespace=NAMESPACE)
            await self._io.disconnect(sid, namespace=NAMESPACE)

    def _sids(self) -> list[str]:
        return [sid for sid, _ in self._io.manager.get_participants(NAMESPACE, None)]

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.clock_ahead_ms

    def _lifetime(self, expires_in_s: float) -> Payload:
        return {
            "expiresIn": expires_in_s,
            "expiresAt": self._now_ms() + round(expires_in_s * 1000),
        }

    def _stamped(self, payload: Payload) -> Payload:
        return {"serverTime": self._now_ms(), **payload}

    def _new_socket_server(self) -> Any:
        server = socketio.AsyncServer(async_mode="asgi", namespaces=[NAMESPACE])
        server.on("connect", self._on_connect, namespace=NAMESPACE)
        server.on("*", self._on_event, namespace=NAMESPACE)
        return server

    async def _on_connect(self, sid: str, _environ: Payload, auth: Any) -> None:
        self.connections += 1
        self.tokens.append((auth or {}).get("token"))
        if self.send_away_with is None:
            for event, payload in self.present:
                await self._io.emit(event, self._stamped(payload), to=sid, namespace=NAMESPACE)
            return
        await self._io.emit(
            "error", self._stamped(self.send_away_with), to=sid, namespace=NAMESPACE
        )
        # Python-socketio confirms the connection only after this handler.
        self._io.start_background_task(self._io.disconnect, sid, namespace=NAMESPACE)

    async def _on_event(self, event: str, _sid: str, payload: Any = None) -> None:
        if event != "disconnect":
            self.heard.append((event, payload))

    def _app(self) -> Any:
        pages = Starlette(
            routes=[Route("/marketplace/onboarding", self._page), *Assets(self._page_dir).routes]
        )
        sockets = socketio.ASGIApp(self._io, pages)

        async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            is_client = scope.get("path") == "/socket.io/socket.io.js"
            await (pages if is_client else sockets)(scope, receive, send)

        return app

    async def _page(self, _request: Request) -> Response:
        html = (self._page_dir / "onboarding.html").read_text()
        if self.script_served is not None:
            html = re.sub(r'(<script src=")[^"]+', rf"\g<1>{self.script_served}", html)
        return HTMLResponse(html, headers=page_headers(["https://*.yclients.com"]))
