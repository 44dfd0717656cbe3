"""The API process for tests: the real application over real HTTP on a port of its own."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from pydantic import SecretStr
from starlette.applications import Starlette

from api_service.__main__ import uvicorn_config
from api_service.app import Application, build_app
from api_service.core.tokens import Tokens
from api_service.core.vault import Vault
from api_service.settings import ApiSettings
from api_service.web.openapi.operation import DocumentedRoute, Operation
from sandbox.services.loopback import NOBODY
from shared.company_id import CompanyId, SalonId
from shared.http_server import Server, listen
from shared.settings import Environment
from tests.support.documented import Documented
from tests.support.waiting import wait_until

JWT_SECRET: Final = "test-jwt-secret-0123456789-abcdefghij"
PARTNER_TOKEN: Final = "test-partner-token-0123456789"
ADMIN_TOKEN: Final = "test-admin-token-0123456789-abcdefgh"
ENCRYPTION_KEY: Final = "test-encryption-key-0123456789-abcdefg"
NO_YCLIENTS: Final = "http://127.0.0.1:9"
"""Refuses every connection."""
HEALTH_TOKEN: Final = "test-health-token-0123456789-abcdefg"


START_S: Final = 40.0
END_S: Final = 60.0
"""Only what fails takes so long."""

_documents: list[tuple[list[tuple[str, str, Operation]], Documented]] = []


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
        "yclients_url": NO_YCLIENTS,
        "encryption_keys": SecretStr(ENCRYPTION_KEY),
        "health_check_token": SecretStr(HEALTH_TOKEN),
        "admin_token": SecretStr(ADMIN_TOKEN),
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
async def running_api(
    settings: ApiSettings, *, without_redis: bool = False
) -> AsyncIterator[RunningApi]:
    """Serves, and listens to the bus: a page that comes earlier is told its state once more."""
    application = build_app(settings)
    door = listen("API_PORT", settings.api_host, settings.api_port)
    server = Server(uvicorn_config(application, settings))
    serving = asyncio.create_task(server.serve(sockets=[door]))
    url = f"http://127.0.0.1:{_port_of(door)}"
    await wait_until(lambda: server.started or serving.done(), START_S, "the API serves")
    try:
        for listener in () if without_redis else application.listeners:
            await asyncio.wait_for(listener.subscribed.wait(), START_S)
        hooks = {"response": [_checked_by(documented(application))]}
        async with httpx2.AsyncClient(
            base_url=url, timeout=30, event_hooks=hooks, verify=NOBODY
        ) as http:
            yield RunningApi(url, application, http)
    finally:
        await application.release_sockets()
        server.should_exit = True
        await asyncio.wait_for(serving, END_S)


def documented(application: Application) -> Documented:
    """Made once of what is declared alike: that takes longer than all else an API does to start."""
    assert isinstance(application.asgi, Starlette)
    routes = (it for it in application.asgi.routes if isinstance(it, DocumentedRoute))
    declared = [(route.path, route.method, route.operation) for route in routes]
    for known, document in _documents:
        if known == declared:
            return document
    _documents.append((declared, Documented(application.asgi)))
    return _documents[-1][1]


def _checked_by(document: Documented) -> Callable[[httpx2.Response], Awaitable[None]]:
    """Whatever a test asks for: the application must have said that it may answer so."""

    async def check(answer: httpx2.Response) -> None:
        await answer.aread()
        document.check(answer.request.method, answer.request.url.path, answer)

    return check


def _port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def sealed(secret: str) -> str:
    """As the database keeps it."""
    return Vault([SecretStr(ENCRYPTION_KEY)]).seal(secret)
