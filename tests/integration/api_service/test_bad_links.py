"""Redirects, tokens, session ids and origins that are wrong: one clear refusal, one log line."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any, Final
from urllib.parse import urlencode

import jwt
import pytest
from websockets.exceptions import InvalidStatus

from shared.company_id import SalonId, session_id_of
from tests.support.api import (
    JWT_SECRET,
    PARTNER_TOKEN,
    signed_query,
    token_for,
)
from tests.support.api_world import World
from tests.support.page import RefusedError, Transport, open_page

pytestmark = pytest.mark.asyncio(loop_scope="module")

SALON, OTHER_SALON = SalonId(1001), SalonId(1002)
SESSION, OTHER_SESSION = session_id_of(SALON), session_id_of(OTHER_SALON)
REDIRECT: Final = "/auth/yclients/redirect"
NOW: Final = int(time.time())


def signed(raw: bytes) -> dict[str, str]:
    """The signature is right; only what is signed is not."""
    return {
        "user_data": base64.b64encode(raw).decode(),
        "user_data_sign": hmac.new(PARTNER_TOKEN.encode(), raw, hashlib.sha256).hexdigest(),
    }


GOOD: Final = signed_query()
DATA, SIGN = GOOD["user_data"], GOOD["user_data_sign"]
Query = list[tuple[str, str]]


def query(**fields: str) -> Query:
    return list({"salon_id": "1001", **GOOD, **fields}.items())


NO_SALON: Final[dict[str, Query]] = {
    "nothing": [],
    "no salon": list(GOOD.items()),
    "an index that is not the first": [("salon_ids[1]", "1001"), *GOOD.items()],
    "a nested array": [("salon_ids[0][0]", "1001"), *GOOD.items()],
    "an array in a text": [("salon_ids[0]", "[1001]"), *GOOD.items()],
    "a bad one before a good one": [("salon_id", "x"), ("salon_id", "1001"), *GOOD.items()],
    "an empty one before a good one": [("salon_ids[]", ""), ("salon_ids[]", "1"), *GOOD.items()],
    **{
        f"{name}={value[:20]!r}": [(name, value), *GOOD.items()]
        for name in ("salon_id", "salon_ids[0]")
        for value in (
            "",
            " ",
            "0",
            "-1",
            "+1",
            "01",
            "1e3",
            "1.0",
            "0x1",
            "1_000",
            "true",
            "null",
            "2147483648",
            "9" * 10_000,
            "1001\x00",
            "1001;DROP TABLE companies",
            "../1001",
            "company_1001",
            "\u0661\u0662",
            "\uff11\uff12",
            "\u00b2",
        )
    },
}
UNSIGNED: Final[dict[str, Query]] = {
    "no user data": [("salon_id", "1001"), ("user_data_sign", SIGN)],
    "no signature": [("salon_id", "1001"), ("user_data", DATA)],
    "empty user data": query(user_data=""),
    "empty signature": query(user_data_sign=""),
    "another signature": query(user_data_sign="00" * 32),
    "a short signature": query(user_data_sign=SIGN[:-1]),
    "a long signature": query(user_data_sign=SIGN * 200),
    "a signature with a blank": query(user_data_sign=f" {SIGN}"),
    "a signature with NUL": query(user_data_sign=f"{SIGN}\x00"),
    "a signature in Cyrillic": query(user_data_sign="\u0436" * 64),
    "another signature behind the right one": [*query(), ("user_data_sign", "00")],
    "other data": query(user_data=signed_query({"id": 1})["user_data"]),
    "other data behind the right ones": [*query(), ("user_data", signed(b"{}")["user_data"])],
    "fields as arrays": [
        ("salon_id", "1001"),
        ("user_data[]", DATA),
        ("user_data_sign[]", SIGN),
    ],
}
UNREADABLE: Final[dict[str, Query]] = {
    "no base64": query(user_data="*" * 12),
    "base64 with NUL": query(user_data=f"{DATA[:8]}\x00{DATA[8:]}"),
    "base64 in Cyrillic": query(user_data="\u0436" * 12),
    "padding in the middle": query(user_data=f"{DATA[:8]}=={DATA[8:]}"),
    "10 kB": query(user_data="A" * 10_000),
    "60 kB": query(user_data="A" * 60_000),
    **{
        f"signed {raw[:12]!r}": query(**signed(raw))
        for raw in (
            b"not json",
            b"[]",
            b"[{}]",
            b"1",
            b'"text"',
            b"null",
            b"{",
            b"{} {}",
            b"\xff\xfe\xfd",
            b"\x00\x00\x00",
            '{"name":"\u0410"}'.encode("cp1251"),
            b"[" * 5_000,
            b'{"a":' * 1_000,
            b'{"id":' + b"9" * 5_000 + b"}",
            base64.b64encode(b"{}"),
        )
    },
}
REDIRECTS: Final = [
    pytest.param(fields, status, id=f"{name}, {status}")
    for cases, status in ((NO_SALON, 400), (UNSIGNED, 403), (UNREADABLE, 400))
    for name, fields in cases.items()
]


@pytest.mark.parametrize(("fields", "status"), REDIRECTS)
async def test_a_malformed_redirect_is_refused_with_a_page(
    world: World, fields: Query, status: int
) -> None:
    async with world.witness.nothing_changes() as report:
        answer = await world.api.http.get(REDIRECT, params=urlencode(fields))

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "YClients" in answer.text
    assert report.events == ["page_refused"]


CLAIMS: Final[dict[str, Any]] = {
    "company_id": 1,
    "salon_id": int(SALON),
    "company_title": "",
    "type": "marketplace_registration",
    "user_data": {},
    "iat": NOW - 10,
    "exp": NOW + 3600,
}


def encoded(*, key: str = JWT_SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    left = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not ...}
    return jwt.encode(left, key, algorithm=algorithm)


def assembled(header: object, payload: bytes | None = None, digest: str = "sha256") -> str:
    """Signed with our key by HMAC, whatever the header says."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    parts = [head, json.dumps(CLAIMS).encode() if payload is None else payload]
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    mac = hmac.new(JWT_SECRET.encode(), text.encode(), digest).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


HS256: Final = {"alg": "HS256", "typ": "JWT"}
GOOD_TOKEN: Final = encoded()
HEAD, BODY, MAC = GOOD_TOKEN.split(".")
INVALID_TOKENS: Final = {
    "another key": encoded(key="another-key-that-is-long-enough-0123"),
    "alg none": encoded(key="", algorithm="none"),
    "alg none, signed": assembled({"alg": "none"}),
    "alg nOnE": assembled({"alg": "nOnE"}),
    "alg RS256, signed by HMAC": assembled({"alg": "RS256"}),
    "alg HS512": assembled({"alg": "HS512"}, digest="sha512"),
    "alg is a number": assembled({"alg": 1}),
    "no alg": assembled({"typ": "JWT"}),
    "a critical extension": assembled({**HS256, "crit": ["x"], "x": 1}),
    "header no object": assembled([]),
    "header nested deeply": assembled(b"[" * 4_000),
    "payload nested deeply": assembled(HS256, b'{"a":' * 900 + b"1" + b"}" * 900),
    "payload nested too deeply": assembled(HS256, b"[" * 4_000),
    "payload no object": assembled(HS256, b"[]"),
    "payload no json": assembled(HS256, b"\xff"),
    "no signature": f"{HEAD}.{BODY}.",
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{GOOD_TOKEN}.{MAC}",
    "another payload": f"{HEAD}.{encoded(salon_id=2).split('.')[1]}.{MAC}",
    "garbage": "garbage",
    "10 kB": "A" * 10_000,
    "10 kB of token": encoded(company_title="x" * 8_000),
    "another type": encoded(type="admin"),
    "no type": encoded(type=...),
    "no exp": encoded(exp=...),
    "exp is a word": encoded(exp="soon"),
    "exp is endless": assembled(HS256, json.dumps({**CLAIMS, "exp": float("inf")}).encode()),
    "nbf in the future": encoded(nbf=NOW + 3600),
    "iat in the future": encoded(iat=NOW + 3600),
    "no iat": encoded(iat=...),
    "no salon": encoded(salon_id=...),
    "salon ../1": encoded(salon_id="../1"),
    "salon 01": encoded(salon_id="01"),
    "salon true": encoded(salon_id=True),
    "salon of 16 digits": encoded(salon_id=10**15),
    "company as text": encoded(company_id="1"),
}
TOKENS: Final = [
    *(pytest.param(token, "TOKEN_INVALID", id=name) for name, token in INVALID_TOKENS.items()),
    pytest.param(encoded(exp=NOW - 1), "TOKEN_EXPIRED", id="expired"),
    pytest.param(encoded(exp=0), "TOKEN_EXPIRED", id="expired long ago"),
]


@pytest.mark.parametrize(("token", "code"), TOKENS)
async def test_a_bad_token_opens_nothing_over_http(world: World, token: str, code: str) -> None:
    http, headers = world.api.http, {"Authorization": f"Bearer {token}"}
    async with world.witness.nothing_changes() as report:
        page = await http.get("/marketplace/onboarding", params={"token": token})
        qr = await http.post("/marketplace/api/qr", headers=headers)
        status = await http.get(f"/marketplace/api/status/{SESSION}", headers=headers)

    assert (page.status_code, qr.status_code, status.status_code) == (401, 401, 401)
    assert (qr.json()["code"], status.json()["code"]) == (code, code)
    assert report.events == ["page_refused", "request_refused", "request_refused"]


@pytest.mark.parametrize(("token", "code"), TOKENS)
async def test_a_bad_token_opens_no_socket(world: World, token: str, code: str) -> None:
    opening = open_page(world.api.url, token)
    async with world.witness.nothing_changes() as report, opening as page:
        told = await page.next("error")
        await page.gone()

    assert told["code"] == code
    assert [name for name, _ in page.told] == ["error"]
    assert report.events == ["socket_refused"]
    assert world.api.application.connections.audience(SESSION) is None


@pytest.mark.parametrize("place", ["header", "query"])
@pytest.mark.parametrize("name", ["another key", "alg none", "another type", "garbage"])
async def test_nor_does_it_from_the_header_or_the_query(
    world: World, name: str, place: str
) -> None:
    token = INVALID_TOKENS[name]
    headers = {"Authorization": f"Bearer {token}"} if place == "header" else None
    query = f"&token={token}" if place == "query" else ""
    opening = open_page(world.api.url, None, headers=headers, query=query)
    async with world.witness.nothing_changes() as report, opening as page:
        assert (await page.next("error"))["code"] == "TOKEN_INVALID"
        await page.gone()

    unsafe = ["socket_token_in_query"] if place == "query" else []
    assert report.events == [*unsafe, "socket_refused"]


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"Authorization": f"Bearer {'A' * 10_000}"}, ""),
        ({"Origin": "x" * 10_000}, ""),
        ({"X-Many": "x" * 60_000}, ""),
        (None, f"&token={'A' * 10_000}"),
    ],
    ids=["token in header", "origin", "60 kB", "token in query"],
)
async def test_an_upgrade_that_is_too_large_is_refused_at_once(
    world: World, headers: dict[str, str] | None, query: str
) -> None:
    opening = open_page(world.api.url, None, headers=headers, query=query)
    async with world.witness.nothing_changes() as report:
        with pytest.raises(InvalidStatus) as refused:
            await opening.__aenter__()

    assert refused.value.response.status_code == 431
    assert report.events == ["socket_transport_refused"]


BAD_SESSIONS: Final = [
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fhealth",
    "%2e%2e%2fcompany_1001",
    "company_1001%2f..%2fcompany_1002",
    "company_1001:qr",
    "company_01",
    "company_0",
    "company_",
    "company_-1",
    "company_+1",
    "company_1e3",
    "company_1001%00",
    "company_1001%0a",
    "company_1001 ",
    "COMPANY_1001",
    "company-1001",
    "company_\u0661",
    "company_\uff11",
    f"company_{'9' * 16}",
    "x" * 10_000,
    "[object Object]",
    "*",
    "company_*",
]


@pytest.mark.parametrize("session_id", BAD_SESSIONS, ids=lambda value: value[:24])
async def test_a_bad_session_id_is_refused_at_every_entry(world: World, session_id: str) -> None:
    headers = {"Authorization": f"Bearer {token_for(SALON)}"}
    async with world.witness.nothing_changes() as report:
        status = await world.api.http.get(f"/marketplace/api/status/{session_id}", headers=headers)
        health = await world.api.http.get(f"/health/company/{session_id}")

    assert status.status_code in {400, 404}
    assert health.status_code in {400, 404}
    assert {status.json()["code"], health.json()["code"]} <= {
        "INVALID_SESSION_ID",
        "INVALID_SALON_ID",
        "NOT_FOUND",
    }
    assert set(report.events) <= {"request_refused"}
    assert len(report.events) <= 2


async def test_another_salons_session_is_forbidden(world: World) -> None:
    headers = {"Authorization": f"Bearer {token_for(OTHER_SALON)}"}
    async with world.witness.nothing_changes() as report:
        answer = await world.api.http.get(f"/marketplace/api/status/{SESSION}", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    assert report.events == ["request_refused"]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "https://n1.yclients.com.evil.example",
        "https://evil.example/n1.yclients.com",
        "https://n1.yclients.com@evil.example",
        "https://yclients.com",
        "https://nx.yclients.com",
        "http://n1.yclients.com",
        "https://n1.yclients.com:8443",
        "https://connect.example.com.evil.example",
        "x" * 4_000,
    ],
    ids=lambda value: value[:40],
)
async def test_a_strange_origin_gets_no_transport(
    world: World, origin: str, transport: Transport
) -> None:
    opening = open_page(
        world.api.url, token_for(SALON), transport=transport, headers={"Origin": origin}
    )
    async with world.witness.nothing_changes() as report:
        with pytest.raises((RefusedError, InvalidStatus)):
            await opening.__aenter__()

    assert report.events == ["socket_transport_refused"]
