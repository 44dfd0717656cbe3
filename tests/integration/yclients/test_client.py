"""The client over real HTTP, against a server that answers in every way there is."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from api_service.yclients.access import certificates
from api_service.yclients.answers import MAX_BYTES
from api_service.yclients.client import Yclients
from api_service.yclients.errors import (
    AmbiguousError,
    NotSentError,
    RefusedError,
    YclientsError,
)
from api_service.yclients.models import ConnectionStatus, PaymentNotice
from tests.support.certificate import write_self_signed
from tests.support.scripted_yclients import (
    HTML,
    Script,
    ScriptedYclients,
    answer,
    half,
    hang,
    refusal,
    reset,
    scripted_yclients,
    success,
)
from tests.support.yclients_parts import ACCEPT, APPLICATION_ID, PARTNER_TOKEN, Admitted, client_at

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
ACTIVE: Final = {"connection_status": {"status": "active", "created_at": "2026-03-01 10:00:00"}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def yclients() -> AsyncIterator[ScriptedYclients]:
    async with scripted_yclients() as scripted:
        yield scripted


async def end_of(call: Awaitable[object]) -> YclientsError:
    with pytest.raises(YclientsError) as raised:
        await call
    return raised.value


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


async def test_a_question_is_asked_four_times_and_no_more(yclients: ScriptedYclients) -> None:
    yclients.will(answer(500))

    async with client_at(yclients.url) as bench:
        error = await end_of(bench.client.connection(1001))

    assert (type(error), error.reason) == (AmbiguousError, "server_error")
    assert len(yclients.asked) == 4
    assert len(bench.budget.turns) == 4


async def test_while_a_person_waits_it_is_asked_twice_at_most(yclients: ScriptedYclients) -> None:
    yclients.will(answer(500))

    async with client_at(yclients.url) as bench:
        error = await end_of(bench.client.connection(1001, timeout_s=2.5))

    assert error.reason == "server_error"
    assert len(yclients.asked) == 2


async def test_a_refused_question_is_not_asked_again(yclients: ScriptedYclients) -> None:
    yclients.will(refusal(404, "Не найдено"))

    async with client_at(yclients.url) as bench:
        error = await end_of(bench.client.connection(1001))

    assert error.reason == "not_installed"
    assert len(yclients.asked) == 1


async def test_a_limit_is_waited_out_unless_the_time_does_not_suffice(
    yclients: ScriptedYclients,
) -> None:
    async with client_at(yclients.url) as bench:
        yclients.will(answer(429, headers=("Retry-After: 1",)), success(ACTIVE))
        connection = await bench.client.connection(1001)
        yclients.will(answer(429, headers=("Retry-After: 60",)))
        error = await end_of(bench.client.connection(1001))

    assert connection.status is ConnectionStatus.ACTIVE
    assert isinstance(error, NotSentError)
    assert error.retry_after_s == 60
    assert len(yclients.asked) == 1


async def test_a_hang_is_ambiguous_and_ends_in_time(yclients: ScriptedYclients) -> None:
    yclients.will(hang)
    started = asyncio.get_running_loop().time()

    async with client_at(yclients.url, call_s=1.0) as bench:
        for call in (bench.client.activate(1001, "key", []), bench.client.connection(1001)):
            error = await end_of(call)
            assert (type(error), error.reason) == (AmbiguousError, "timeout")

    assert asyncio.get_running_loop().time() - started < 4
    assert bench.breaker.told == ["withdrew", "withdrew"]


async def test_what_nobody_accepts_was_not_sent() -> None:
    async with client_at("http://127.0.0.1:9") as bench:
        error = await end_of(bench.client.activate(1001, "key", []))

    assert (type(error), error.reason) == (NotSentError, "unreachable")
    assert bench.breaker.told == ["failed"]


async def test_a_handshake_that_never_ends_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        async with client_at(url, call_s=0.3) as bench:
            error = await end_of(bench.client.activate(1001, "key", []))

    assert (type(error), error.reason) == (NotSentError, "unreachable")


async def test_an_authority_of_its_own_is_believed_beside_the_machines(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_self_signed(certificate, key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    async with scripted_yclients(tls) as yclients:
        yclients.will(success(ACTIVE))
        async with client_at(yclients.url, ca_bundle=certificate) as bench:
            connection = await bench.client.connection(1001)
        async with client_at(yclients.url) as bench:
            stranger = await end_of(bench.client.activate(1001, "key", []))

    assert connection.status is ConnectionStatus.ACTIVE
    assert (type(stranger), stranger.reason) == (NotSentError, "unreachable")
    assert len(yclients.asked) == 1
    believed = [certificates(bundle).cert_store_stats()["x509"] for bundle in (None, certificate)]
    assert believed[1] == believed[0] + 1


async def test_without_a_turn_nothing_is_sent(yclients: ScriptedYclients) -> None:
    yclients.will(success(ACTIVE))
    async with client_at(yclients.url) as bench:
        bench.budget.refuses = True
        none = await end_of(bench.client.connection(1001))
        bench.budget.raises = RedisConnectionError()
        away = await end_of(bench.client.connection(1001))
        bench.budget.raises, bench.budget.refuses = None, False
        bench.breaker.admission = Admitted(admitted=False, wait_ms=7_000)
        broken = await end_of(bench.client.connection(1001))
        bench.breaker.raises = RedisConnectionError()
        unknown = await end_of(bench.client.connection(1001))

    reasons = [error.reason for error in (none, away, broken, unknown)]
    assert reasons == [
        "budget_exhausted",
        "budget_unavailable",
        "breaker_open",
        "budget_unavailable",
    ]
    assert isinstance(broken, NotSentError)
    assert broken.retry_after_s == 7
    assert yclients.asked == []


async def test_a_turn_that_has_passed_is_taken_anew_before_anything_leaves(
    yclients: ScriptedYclients,
) -> None:
    yclients.will(success(ACTIVE))
    async with client_at(yclients.url) as bench:
        bench.budget.good_for_s = -1
        await bench.client.connection(1001, background=True)
        await bench.client.connection(1001)

    assert bench.budget.turns == [True, True, False, False]
    assert len(yclients.asked) == 2


@pytest.mark.parametrize("missing", [{"partner_token": ""}, {"application_id": None}], ids=str)
async def test_without_configuration_nothing_is_sent(
    yclients: ScriptedYclients, missing: dict[str, Any]
) -> None:
    yclients.will(success(ACTIVE))
    async with client_at(yclients.url, **missing) as bench:
        error = await end_of(bench.client.connection(1001))

    assert (type(error), error.reason) == (NotSentError, "not_configured")
    assert (yclients.asked, bench.budget.turns) == ([], [])


async def test_each_call_is_one_line_without_a_secret(yclients: ScriptedYclients) -> None:
    yclients.will(answer(500), success(ACTIVE))
    async with client_at(yclients.url) as bench:
        with capture_logs() as lines:
            await bench.client.connection(1001)
            yclients.will(refusal(403, "ключ our-key-0123 не подошёл"))
            await end_of(
                bench.client.activate(1001, "our-key-0123", ["https://svc.example/SECRET"])
            )

    told = [
        {name: line[name] for name in ("operation", "salon_id", "status", "outcome", "attempts")}
        for line in lines
        if line["event"] == "yclients_called"
    ]
    assert told == [
        {
            "operation": "connection",
            "salon_id": 1001,
            "status": 200,
            "outcome": "ok",
            "attempts": 2,
        },
        {
            "operation": "activate",
            "salon_id": 1001,
            "status": 403,
            "outcome": "forbidden",
            "attempts": 1,
        },
    ]
    assert not {"our-key", "SECRET", PARTNER_TOKEN} & set(str(lines).replace("'", " ").split())
    for secret in ("our-key", "SECRET", PARTNER_TOKEN, yclients.url):
        assert secret not in str(lines)


async def test_a_caller_that_was_overtaken_meanwhile_sends_nothing(
    yclients: ScriptedYclients,
) -> None:
    """Asked after the turn was taken anew: a process that stood still needs one."""
    yclients.will(success({}))
    turns_when_asked: list[int] = []
    async with client_at(yclients.url) as bench:
        bench.budget.good_for_s = -1

        def overtaken() -> bool:
            turns_when_asked.append(len(bench.budget.turns))
            return False

        error = await end_of(bench.client.activate(1001, "our-key", [], may_leave=overtaken))

    assert (type(error), error.reason) == (NotSentError, "overtaken")
    assert turns_when_asked == [2]
    assert yclients.asked == []
    assert bench.breaker.told == ["withdrew"]


async def test_a_cancellation_that_was_swallowed_below_still_stops_the_call(
    yclients: ScriptedYclients,
) -> None:
    yclients.will(success({}))
    async with client_at(yclients.url) as bench:
        bench.budget.swallows = True
        call = asyncio.create_task(bench.client.activate(1001, "our-key", []))
        while not bench.budget.turns:  # noqa: ASYNC110 - the budget is in this loop
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert yclients.asked == []
    assert bench.breaker.told == ["withdrew"]


async def test_a_cancelled_call_leaves_no_trial_behind(yclients: ScriptedYclients) -> None:
    yclients.will(hang)
    async with client_at(yclients.url) as bench:
        call = asyncio.create_task(bench.client.connection(1001))
        while not yclients.asked:  # noqa: ASYNC110 - the server is in this loop
            await asyncio.sleep(0)
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call

    assert bench.breaker.told == ["withdrew"]
