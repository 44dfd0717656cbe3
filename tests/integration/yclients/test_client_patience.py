"""How often the client asks, what it waits for, and when it sends nothing."""

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from api_service.yclients.access import certificates
from api_service.yclients.errors import (
    AmbiguousError,
    NotSentError,
)
from api_service.yclients.models import ConnectionStatus
from tests.support.certificate import write_self_signed
from tests.support.scripted_yclients import (
    ScriptedYclients,
    answer,
    hang,
    refusal,
    scripted_yclients,
    success,
)
from tests.support.waiting import PATIENCE_S
from tests.support.yclients_parts import (
    ACTIVE,
    PARTNER_TOKEN,
    Admitted,
    client_at,
    end_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
        error = await end_of(bench.client.connection(1001, timeout_s=15))

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

    async with client_at(yclients.url, call_s=2.0) as bench:
        for call in (bench.client.activate(1001, "key", []), bench.client.connection(1001)):
            error = await end_of(call)
            assert (type(error), error.reason) == (AmbiguousError, "timeout")

    assert asyncio.get_running_loop().time() - started < 15
    assert bench.breaker.told == ["withdrew", "withdrew"]


async def test_a_redis_that_stands_still_does_not_hold_the_answer_back(
    yclients: ScriptedYclients,
) -> None:
    yclients.will(success(ACTIVE))

    async with client_at(yclients.url) as bench:
        bench.breaker.hangs = True
        connection = await asyncio.wait_for(bench.client.connection(1001), PATIENCE_S)

    assert connection.status is ConnectionStatus.ACTIVE
    assert bench.breaker.told == ["succeeded"]


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
