"""Nothing secret leaves a process: secrets are planted everywhere, then all output is searched."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psutil
import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from redis import Redis

from api_service.store.admin_tokens import Role
from sandbox.proxy.dialect import Credentials
from sandbox.proxy.server import ProxyFault, ProxyServer
from sandbox.services.loopback import NOBODY
from sandbox.services.ports import free_port
from sandbox.whatsapp_network.control_client import ControlError
from tests.acceptance.conftest import WhatsApp
from tests.support import planted
from tests.support.admin_world import make_token
from tests.support.api import (
    ADMIN_TOKEN,
    HEALTH_TOKEN,
    JWT_SECRET,
    PARTNER_TOKEN,
    signed_query,
    token_for,
)
from tests.support.page import Page, open_page
from tests.support.planted import Planted
from tests.support.processes import ServiceProcess
from tests.support.waiting import wait_until
from whatsapp_service.owners.guard import EXIT_START_AGAIN

pytestmark = pytest.mark.timeout(300)

PATIENCE_S = 20.0
REDIS_USER, REDIS_PASSWORD = "planted", "planted-redis-password-1"
PROXY_LOGIN = Credentials("planted-user@proxy", "planted:/@ proxy-password")
BY_QR, BY_CODE, OWNER = "79990000001", "79990000002", "79990000077"
NAME, EMAIL = "Planted Ownername", "planted.owner@salon.example"
SALON, OTHER_SALON = 1001, 1002
HOOK_SECRET = "planted-hook-secret-0123456789ab"


@dataclass
class System:
    """Both processes under one roof, and what must not be seen from outside."""

    whatsapp: WhatsApp
    api: ServiceProcess
    url: str
    proxy: ProxyServer
    planted: list[Planted] = field(default_factory=list)

    async def written(self) -> str:
        """Everything that anybody could read who is not a page: logs, metrics, health."""
        async with httpx2.AsyncClient(verify=NOBODY, trust_env=False, timeout=PATIENCE_S) as http:
            answers = await asyncio.gather(
                *(
                    self._read(http, f"{base}/{path}")
                    for base in (self.whatsapp.url, self.url)
                    for path in ("metrics", "health")
                )
            )
        return "\n".join([*answers, self.api.log, self.whatsapp.process.log])

    async def _read(self, http: httpx2.AsyncClient, url: str) -> str:
        """Nothing of a WhatsApp process that has ended because it reaches no server."""
        try:
            return (await http.get(url)).text
        except httpx2.TransportError:
            assert url.startswith(self.whatsapp.url)
            assert self.whatsapp.process.wait_exit() == EXIT_START_AGAIN
            return ""


@pytest.fixture
def guarded_redis_url(redis_url: str) -> Iterator[str]:
    """The same server by a user with a password; reconnecting with another fails."""
    with Redis.from_url(redis_url) as redis:
        redis.acl_setuser(
            REDIS_USER,
            enabled=True,
            passwords=[f"+{REDIS_PASSWORD}"],
            keys=["*"],
            channels=["*"],
            commands=["+@all"],
        )
        parts = urlsplit(redis_url)
        yield redis_url.replace(parts.netloc, f"{REDIS_USER}:{REDIS_PASSWORD}@{parts.netloc}")
        redis.acl_deluser(REDIS_USER)


@pytest.fixture
async def system(
    idle_whatsapp: WhatsApp, guarded_redis_url: str, tmp_path: Path
) -> AsyncIterator[System]:
    (tmp_path / "onboarding.html").write_bytes(b"\xff is no text")
    async with ProxyServer(PROXY_LOGIN) as proxy:
        whatsapp, url = idle_whatsapp, f"http://127.0.0.1:{free_port()}"
        shared = {"LOG_LEVEL": "DEBUG", "REDIS_URL": guarded_redis_url, "ENVIRONMENT": "test"}
        whatsapp.start(**shared, WHATSAPP_PROXY_URL=proxy.url("socks5"))
        api = whatsapp.start_process(
            "api_service",
            {
                **shared,
                "DATABASE_URL": whatsapp.environment["DATABASE_URL"],
                "API_PORT": url.rpartition(":")[2],
                "JWT_SECRET": JWT_SECRET,
                "YCLIENTS_PARTNER_TOKEN": PARTNER_TOKEN,
                "HEALTH_CHECK_TOKEN": HEALTH_TOKEN,
                "ADMIN_TOKEN": ADMIN_TOKEN,
                "PAGE_DIR": str(tmp_path),
            },
        )
        api.wait_healthy(f"{url}/health")
        yield System(whatsapp, api, url, proxy, settings_of(whatsapp))


def settings_of(whatsapp: WhatsApp) -> list[Planted]:
    password = urlsplit(whatsapp.environment["DATABASE_URL"]).password
    assert password is not None
    return [
        planted.secret("JWT secret", JWT_SECRET),
        planted.secret("partner token", PARTNER_TOKEN),
        planted.secret("health token", HEALTH_TOKEN),
        planted.secret("admin token", ADMIN_TOKEN),
        planted.secret("database password", password),
        planted.secret("Redis password", REDIS_PASSWORD),
        planted.secret("proxy user", PROXY_LOGIN.user),
        planted.secret("proxy password", PROXY_LOGIN.password),
        planted.number("phone linked by QR", BY_QR),
        planted.number("phone linked by code", BY_CODE),
        planted.number("owner's phone", OWNER),
        planted.secret("owner's name", NAME),
        planted.secret("owner's e-mail", EMAIL),
        planted.secret("secret of a hook's address", HOOK_SECRET),
    ]


async def test_no_output_holds_anything_secret(system: System) -> None:
    token = await register(system)
    await bring_bad_input(system, token)
    await be_invited(system)
    await link_by_qr(system, token)
    await link_by_code(system)
    await provoke_failures(system, token)
    written = await system.written()
    assert system.api.terminate() == 0
    # Reached by neither Redis nor Postgres for 12 s, it ends by itself.
    assert system.whatsapp.process.terminate() in {0, EXIT_START_AGAIN}
    written += system.api.log + system.whatsapp.process.log

    for event in ("session_changed", "page_failed", "socket_token_in_query", "proxy_unusable"):
        assert f'"event": "{event}"' in written, event
    assert '"logger": "psycopg.pool"' in written
    assert '"component": "linker"' in written
    assert planted.traces(system.planted, written) == []
    for each in system.planted:
        assert planted.traces(system.planted, f'{written}\n{{"event": "{each.value}"}}'), each


async def register(system: System) -> str:
    user = {"id": 501, "name": NAME, "phone": OWNER, "email": EMAIL, "salon_name": "Demo"}
    signed = signed_query(user)
    async with httpx2.AsyncClient(
        base_url=system.url, verify=NOBODY, trust_env=False, timeout=PATIENCE_S
    ) as http:
        answer = await http.get(
            "/auth/yclients/redirect", params={"salon_id": str(SALON), **signed}
        )
    token = str(answer.headers["location"].partition("token=")[2])
    system.planted += [
        planted.token("token", token),
        planted.secret("user_data", signed["user_data"]),
        planted.secret("user_data_sign", signed["user_data_sign"]),
    ]
    return token


async def be_invited(system: System) -> None:
    """To link anew: whoever has the link can do so; it is given, followed, and refused when cut."""
    admin = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx2.AsyncClient(base_url=system.url, trust_env=False, timeout=PATIENCE_S) as http:
        answer = await http.post(f"/marketplace/admin/salons/{SALON}/invitation", headers=admin)
        assert answer.status_code == httpx2.codes.OK, answer.text
        url = str(answer.json()["url"])
        system.planted.append(planted.token("invitation", url.partition("token=")[2]))
        for followed in (url, url[:-4]):
            await http.get(followed)
        await http.get("/marketplace/admin/audit", headers=admin)


def made_token(system: System) -> str:
    token = make_token(system.whatsapp.environment["DATABASE_URL"], "planted", Role.SUPERADMIN)
    system.planted.append(planted.secret("token of the admin API", token))
    return token


async def bring_bad_input(system: System, token: str) -> None:
    """Wherever something is refused, what is refused is secret."""
    broken, signed = f"{token[:-4]}AAAA", signed_query({"phone": OWNER, "email": EMAIL})
    headers = {"Authorization": f"Bearer {broken}"}
    queries = (
        {"salon_id": OWNER * 2, **signed},
        {"salon_id": "1", "user_data": signed["user_data"], "user_data_sign": PARTNER_TOKEN},
        {"salon_id": "1", "user_data": f"+{OWNER}*", "user_data_sign": "00"},
    )
    async with httpx2.AsyncClient(
        base_url=system.url, verify=NOBODY, trust_env=False, timeout=PATIENCE_S
    ) as http:
        for query in queries:
            await http.get("/auth/yclients/redirect", params=query)
        await http.get("/marketplace/onboarding", params={"token": broken})
        await http.get("/marketplace/health", headers={"Authorization": f"Bearer {HEALTH_TOKEN}x"})
        await http.post("/marketplace/api/qr", headers=headers)
        for given in (ADMIN_TOKEN, f"{ADMIN_TOKEN}x", made_token(system), f"aia_{broken}"):
            admin = {"Authorization": f"Bearer {given}"}
            await http.get("/marketplace/admin/salons", headers=admin, params={"search": OWNER})
            await http.get("/marketplace/admin/audit", headers=admin, params={"actor": [OWNER] * 9})
            await http.get(f"/marketplace/admin/salons/{OWNER * 2}", headers=admin)
            await http.post(f"/marketplace/admin/webhooks/{OWNER}/replay", headers=admin)
            for body in bad_notifications():
                await http.post("/marketplace/admin/discounts", headers=admin, content=body)
        for body in bad_notifications():
            await http.post("/webhook/yclients", content=body)
            await http.post("/webhook/yclients/collector", content=body)
            await http.post(f"/webhook/yclients/hook/{SALON}/{HOOK_SECRET}", content=body)
        for path in (broken, f"+{OWNER}", f"company_{OWNER}x"):
            await http.get(f"/marketplace/api/status/{path}", headers=headers)
            await http.get(f"/health/company/{path}")
            await http.get(f"/no/such/{path}?token={token}")
    async with open_page(system.url, None, query=f"&token={token}") as page:
        for phone in (f"+{BY_CODE} доб. 5", BY_QR * 3, {"phone": BY_QR}, [BY_QR], int(BY_QR) * 99):
            await page.ask("request-pairing-code", {"phoneNumber": phone})
        await page.ask(f"unknown {BY_QR} {token}", {"token": token})
        await page.ask("unlink", {"phone": BY_QR, "token": token})
        await page.link.send(f"4{token}+{BY_QR}")
        await page.gone()
    for message in (
        f'{{"type":"{token}"}}',
        f'{{"type":"+7 999 000-00-77","companyId":"{OWNER}"}}',
        f'{{"type":"connected","companyId":"company_1001","phoneNumber":"+{BY_QR}"}}',
        f"{token} {EMAIL}",
    ):
        for channel in ("whatsapp:events", "whatsapp:health"):
            await system.whatsapp.bus.redis.publish(channel, message)
        await system.whatsapp.bus.redis.xadd("whatsapp:commands", {"command": message})


def bad_notifications() -> list[str]:
    told = {"partner_token": PARTNER_TOKEN, "client": {"phone": f"+{OWNER}", "email": EMAIL}}
    return [
        json.dumps(body)
        for body in (
            {**told, "event": f"odd {OWNER}", "salon_id": 2002},
            {**told, "event": "freeze", "salon_id": OWNER * 2},
            {**told, "event": "uninstall", "salon_id": 2002, "partner_token": f"{PARTNER_TOKEN}x"},
            {**told, "resource": "client", "resource_id": 7, "company_id": SALON},
            [PARTNER_TOKEN, OWNER],
        )
    ]


async def link_by_qr(system: System, token: str) -> None:
    phones = system.whatsapp.phones
    await phones.create_phone(BY_QR)
    headers = {"Authorization": f"Bearer {token}"}
    async with open_page(system.url, None, headers=headers) as page:
        await page.ask("request-qr")
        text = (await told(page, "qr-update"))["qr"]
        system.planted.append(planted.qr("QR", text))
        await phones.scan(BY_QR, text)
        await told(page, "whatsapp-connected")


async def link_by_code(system: System) -> None:
    """The number is written as people write it; a wrong code is typed before the right one."""
    phones = system.whatsapp.phones
    await phones.create_phone(BY_CODE)
    token = token_for(OTHER_SALON, NAME)
    async with open_page(system.url, token) as page:
        await page.ask("request-pairing-code", {"phoneNumber": "8 (999) 000-00-02"})
        code = (await told(page, "pairing-code"))["code"]
        system.planted += [planted.code("code", code), planted.token("second token", token)]
        with contextlib.suppress(ControlError):
            await phones.type_code(BY_CODE, "ZZZZ-ZZZZ")
        await phones.type_code(BY_CODE, code)
        await told(page, "whatsapp-connected")


async def told(page: Page, event: str) -> dict[str, str]:
    await wait_until(lambda: page.all(event), PATIENCE_S, f"{event}; told: {page.told[-3:]}")
    payload: dict[str, str] = page.all(event)[-1]
    return payload


async def provoke_failures(system: System, token: str) -> None:
    """Of the page, the linker, the proxy, Redis and Postgres."""
    async with httpx2.AsyncClient(
        base_url=system.url, verify=NOBODY, trust_env=False, timeout=PATIENCE_S
    ) as http:
        answer = await http.get("/marketplace/onboarding", params={"token": token})
        assert answer.status_code == httpx2.codes.INTERNAL_SERVER_ERROR
        await kill_a_linker(system)
        system.proxy.fault = ProxyFault.REFUSES_CREDENTIALS
        await system.whatsapp.phones.drop(BY_QR)
        await in_log(system.whatsapp.process, '"proxy_unusable"')
        await refuse_redis(system)
        refuse_postgres(system)
        query = {"salon_id": str(SALON), **signed_query({"phone": OWNER, "email": EMAIL})}
        assert (await http.get("/auth/yclients/redirect", params=query)).status_code == 503


async def kill_a_linker(system: System) -> None:
    """Another takes its place and makes another code for the same number."""
    async with open_page(system.url, token_for(1003)) as page:
        await page.ask("request-pairing-code", {"phoneNumber": f"+{BY_CODE}"})
        await told(page, "pairing-code")
        for child in psutil.Process(system.whatsapp.process.pid).children():
            child.kill()
        codes = await wait_until(lambda: page.all("pairing-code")[1:], PATIENCE_S, "another code")
        for given in (page.all("pairing-code")[0], codes[0]):
            system.planted.append(planted.code("code of a linker", given["code"]))


async def refuse_redis(system: System) -> None:
    """Everybody is thrown out and cannot log in again."""
    redis = system.whatsapp.bus.redis
    await redis.acl_setuser(REDIS_USER, passwords=[f"-{REDIS_PASSWORD}", "+another-password"])
    await redis.client_kill_filter(user=REDIS_USER)
    for process in (system.api, system.whatsapp.process):
        await in_log(process, '"error": "AuthenticationError"')


def refuse_postgres(system: System) -> None:
    """As with Redis; our own connection is to another database."""
    url = system.whatsapp.environment["DATABASE_URL"]
    database = urlsplit(url).path.strip("/")
    admin = url.replace(f"/{database}", "/postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(
            SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(Identifier(database))
        )
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database]
        )


async def in_log(process: ServiceProcess, text: str) -> None:
    await wait_until(lambda: text in process.log, PATIENCE_S, text)
