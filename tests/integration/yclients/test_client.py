"""The client over real HTTP, against a server that answers in every way there is."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import pytest

from api_service.yclients.answers import MAX_BYTES
from api_service.yclients.client import Yclients
from api_service.yclients.errors import (
    AmbiguousError,
    NotSentError,
    RefusedError,
    YclientsError,
)
from api_service.yclients.models import ConnectionStatus, PaymentNotice
from tests.support.scripted_yclients import (
    HTML,
    Script,
    ScriptedYclients,
    answer,
    half,
    refusal,
    reset,
    success,
)
from tests.support.yclients_parts import (
    ACCEPT,
    ACTIVE,
    APPLICATION_ID,
    PARTNER_TOKEN,
    client_at,
    end_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOON: Final = datetime(2026, 3, 1, 12, 0, 0)  # noqa: DTZ001 - YClients tells no zone
PAYMENT: Final = PaymentNotice(
    salon_id=1001,
    payment_sum=990,
    currency_iso="RUB",
    payment_date=NOON,
    period_from=NOON,
    period_to=NOON,
)
SALON: Final = {"salon_id": 1001, "application_id": APPLICATION_ID}
QUERY: Final = f"salon_id=1001&application_id={APPLICATION_ID}"


CALLS: Final[
    dict[str, tuple[Callable[[Yclients], Awaitable[Any]], object, str, object, object]]
] = {
    "connection": (
        lambda client: client.connection(1001),
        ACTIVE,
        f"GET /marketplace/salon/1001/application/{APPLICATION_ID}",
        None,
        None,
    ),
    "activate": (
        lambda client: client.activate(1001, "our-key", ["https://svc.example/hook"]),
        None,
        "POST /marketplace/partner/callback/redirect",
        {**SALON, "api_key": "our-key", "webhook_urls": ["https://svc.example/hook"]},
        None,
    ),
    "uninstall": (
        lambda client: client.uninstall(1001),
        None,
        f"POST /marketplace/salon/1001/application/{APPLICATION_ID}/uninstall",
        None,
        None,
    ),
    "report_payment": (
        lambda client: client.report_payment(PAYMENT),
        {"id": "9"},
        "POST /marketplace/partner/payment",
        {
            **SALON,
            "payment_sum": 990.0,
            "currency_iso": "RUB",
            "payment_date": "2026-03-01 12:00:00",
            "period_from": "2026-03-01 12:00:00",
            "period_to": "2026-03-01 12:00:00",
        },
        9,
    ),
    "refund": (
        lambda client: client.refund(9),
        None,
        "POST /marketplace/partner/payment/refund/9",
        None,
        None,
    ),
    "set_short_names": (
        lambda client: client.set_short_names(1001, ["Salon"]),
        [],
        "POST /marketplace/partner/short_names",
        {**SALON, "short_names": ["Salon"]},
        None,
    ),
    "payment_link": (
        lambda client: client.payment_link(1001, 10),
        {"url": "https://pay.example"},
        f"GET /marketplace/application/payment_link?{QUERY}&discount=10",
        None,
        "https://pay.example",
    ),
    "add_discount": (
        lambda client: client.add_discount([1001, 1002], 10),
        None,
        "POST /marketplace/application/add_discount",
        {"salon_ids": [1001, 1002], "application_id": APPLICATION_ID, "discount": 10},
        None,
    ),
    "set_channel": (
        lambda client: client.set_channel(1001, "whatsapp", True),
        None,
        "POST /marketplace/application/update_channel",
        {**SALON, "channel_slug": "whatsapp", "is_available": True},
        None,
    ),
}


@pytest.mark.parametrize("name", CALLS)
async def test_each_call_is_asked_as_documented(yclients: ScriptedYclients, name: str) -> None:
    make, data, line, body, result = CALLS[name]
    yclients.will(success(data))

    async with client_at(yclients.url) as bench:
        got = await make(bench.client)

    [asked] = yclients.asked
    assert f"{asked.method} {asked.target}" == line
    assert asked.body == body
    assert asked.headers["authorization"] == f"Bearer {PARTNER_TOKEN}"
    assert asked.headers["accept"] == ACCEPT
    assert name == "connection" or got == result
    assert bench.breaker.told == ["succeeded"]


async def test_lists_are_read(yclients: ScriptedYclients) -> None:
    async with client_at(yclients.url) as bench:
        yclients.will(success([{"id": "1001", "title": "Весна"}]))
        [salon] = await bench.client.connected_salons(2, 1000)
        [asked] = yclients.asked
        yclients.will(success([{"id": 1, "title": "Месяц", "options": []}]))
        [tariff] = await bench.client.tariffs()

    assert (salon.id, salon.title) == (1001, "Весна")
    assert asked.target == f"/marketplace/application/{APPLICATION_ID}/salons?page=2&count=1000"
    assert (tariff.title, tariff.options) == ("Месяц", [])
    assert bench.budget.turns == [True, False]


ACCEPTED: Final[dict[str, Script]] = {
    "301 with HTML": answer(301, HTML, content_type="text/html", headers=("Location: /next",)),
    "302": answer(302, headers=("Location: https://yclients.example/",)),
    "200 with HTML": answer(200, HTML, content_type="text/html"),
    "201": answer(201, {"success": True, "data": None, "meta": []}),
    "204": answer(204),
}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_an_activation_is_accepted_whatever_the_body_and_no_redirect_followed(
    yclients: ScriptedYclients, name: str
) -> None:
    yclients.will(ACCEPTED[name])

    async with client_at(yclients.url) as bench:
        await bench.client.activate(1001, "our-key", [])

    assert len(yclients.asked) == 1


Ending = tuple[Script, type[YclientsError], str, str]
ENDINGS: Final[dict[str, Ending]] = {
    "unknown application": (
        refusal(400, "Агрегатор не найден"),
        RefusedError,
        "application_unknown",
        "succeeded",
    ),
    "installed": (
        refusal(403, "Пользователь уже установил это приложение."),
        RefusedError,
        "already_installed",
        "succeeded",
    ),
    "no token": (refusal(401, "Необходима авторизация"), RefusedError, "unauthorized", "succeeded"),
    "no right": (refusal(403, "Нет доступа"), RefusedError, "forbidden", "succeeded"),
    "not installed": (refusal(404, "Не найдено"), RefusedError, "not_installed", "succeeded"),
    "invalid": (refusal(422, "Ошибка"), RefusedError, "invalid", "succeeded"),
    "conflict": (refusal(409, "Нет"), RefusedError, "refused", "succeeded"),
    "too many": (answer(429), NotSentError, "rate_limited", "withdrew"),
    "502": (answer(502, HTML, content_type="text/html"), AmbiguousError, "server_error", "failed"),
    "307": (answer(307, headers=("Location: /x",)), AmbiguousError, "unreadable", "withdrew"),
    "reset": (reset, AmbiguousError, "connection_lost", "failed"),
    "half an answer": (half, AmbiguousError, "connection_lost", "failed"),
}


@pytest.mark.parametrize("name", ENDINGS)
async def test_each_ending_of_a_change_is_told_apart_and_it_is_never_sent_twice(
    yclients: ScriptedYclients, name: str
) -> None:
    step, kind, reason, told = ENDINGS[name]
    yclients.will(step)

    async with client_at(yclients.url) as bench:
        error = await end_of(bench.client.activate(1001, "our-key", []))

    assert (type(error), error.reason) == (kind, reason)
    assert len(yclients.asked) == 1
    assert bench.breaker.told == [told]


UNREADABLE: Final[dict[str, Script]] = {
    "HTML with 200": answer(200, HTML, content_type="text/html; charset=utf-8"),
    "HTML called JSON": answer(200, HTML),
    "a redirect": answer(301, headers=("Location: /x",)),
    "nothing": answer(200),
    "a list": answer(200, []),
    "no data": answer(200, {"success": True}),
    "another shape": success("active"),
    "endless": success(" " * (MAX_BYTES + 1)),
    "deep": answer(200, "[" * 100_000),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_read_is_asked_again(yclients: ScriptedYclients, name: str) -> None:
    yclients.will(UNREADABLE[name], success(ACTIVE))

    async with client_at(yclients.url) as bench:
        connection = await bench.client.connection(1001)

    assert connection.status is ConnectionStatus.ACTIVE
    assert bench.breaker.told == ["withdrew", "succeeded"]
