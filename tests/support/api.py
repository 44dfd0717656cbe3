"""The API process for tests: the real application over real HTTP on a port of its own."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import socketio
from pydantic import SecretStr

from api_service.__main__ import Server, listen, uvicorn_config
from api_service.app import Application, build_app
from api_service.core.tokens import Tokens
from api_service.settings import ApiSettings
from shared.company_id import CompanyId, SalonId
from shared.settings import Environment
from tests.support.waiting import wait_until

JWT_SECRET: Final = "test-jwt-secret-0123456789-abcdefghij"
PARTNER_TOKEN: Final = "test-partner-token-0123456789"
HEALTH_TOKEN: Final = "test-health-token-0123456789-abcdefg"
NAMESPACE: Final = "/marketplace"


def api_settings(database_url: str, redis_url: str, **changes: Any) -> ApiSettings:
    """Independent of the environment in which tests run."""
    values: dict[str, Any] = {
        "environment": Environment.TEST,
        "database_url": SecretStr(database_url),
        "redis_url": SecretStr(redis_url),
        "api_host": "127.0.0.1",
        "api_port": 0,
        "jwt_secret": SecretStr(JWT_SECRET),
        "yclients_partner_token": SecretStr(PARTNER_TOKEN),
        "yclients_app_id": 77,
        "health_check_token": SecretStr(HEALTH_TOKEN),
        "public_url": "https://connect.example.com",
        "connections_per_token_per_minute": 1000,
        "connections_per_address_per_minute": 10000,
    }
    return ApiSettings(**{**values, **changes})


def token_for(salon_id: int, title: str = "Салон") -> str:
    return Tokens(JWT_SECRET).issue(CompanyId(1), SalonId(salon_id), title, {})


def signed_query(user: dict[str, Any] | None = None) -> dict[str, str]:
    """``user_data`` and its signature, as YClients makes them."""
    raw = json.dumps(user or {"id": 501, "name": "Anna", "salon_name": "Demo"}).encode()
    return {
        "user_data": base64.b64encode(raw).decode(),
        "user_data_sign": hmac.new(PARTNER_TOKEN.encode(), raw, hashlib.sha256).hexdigest(),
    }


@dataclass(frozen=True)
class RunningApi:
    url: str
    application: Application
    http: httpx2.AsyncClient

    async def post_qr(self, token: str) -> httpx2.Response:
        return await self.http.post(
            "/marketplace/api/qr", headers={"Authorization": f"Bearer {token}"}
        )


@contextlib.asynccontextmanager
async def running_api(settings: ApiSettings) -> AsyncIterator[RunningApi]:
    application = build_app(settings)
    listener = listen(settings.api_host, settings.api_port)
    server = Server(uvicorn_config(application, settings))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    url = f"http://127.0.0.1:{_port_of(listener)}"
    await wait_until(lambda: server.started or serving.done(), what="the API serves")
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=30) as http:
            yield RunningApi(url, application, http)
    finally:
        await application.release_sockets()
        server.should_exit = True
        await asyncio.wait_for(serving, 10)


def _port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


class Page:
    """An onboarding page, as python-socketio's client; remembers all that it was told."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.told: list[tuple[str, Any]] = []
        self.client.on("*", self._on_event, namespace=NAMESPACE)

    async def _on_event(self, event: str, *arguments: Any) -> None:
        self.told.append((event, arguments[0] if arguments else None))

    async def open(self, url: str, **options: Any) -> None:
        await self.client.connect(url, namespaces=[NAMESPACE], wait_timeout=5, **options)

    async def ask(self, event: str, *payload: Any) -> None:
        data = payload[0] if len(payload) == 1 else (payload or None)
        await self.client.emit(event, data, namespace=NAMESPACE)

    def all(self, event: str) -> list[Any]:
        return [payload for name, payload in self.told if name == event]

    async def next(self, event: str, count: int = 1) -> Any:
        """The ``count``-th payload of that name, once it is there."""
        await wait_until(lambda: len(self.all(event)) >= count, what=f"{event} no. {count}")
        return self.all(event)[count - 1]

    @property
    def in_namespace(self) -> bool:
        return NAMESPACE in self.client.namespaces

    async def close(self) -> None:
        await self.client.disconnect()


@contextlib.asynccontextmanager
async def open_page(url: str, token: str | None, **options: Any) -> AsyncIterator[Page]:
    page = Page()
    options.setdefault("transports", ["websocket"])
    if token is not None:
        options.setdefault("auth", {"token": token})
    await page.open(url, **options)
    try:
        yield page
    finally:
        await page.close()


def new_salon() -> int:
    return secrets.randbelow(900_000_000) + 1_000
