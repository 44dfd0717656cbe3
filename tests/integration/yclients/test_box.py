"""The YClients in the box, asked by the real client: every call, every quirk, every callback."""

import asyncio
import json
from datetime import datetime
from typing import Final

import httpx2
import pytest

from api_service.yclients.client import Yclients
from api_service.yclients.errors import AmbiguousError, NotSentError, RefusedError, YclientsError
from api_service.yclients.models import ConnectionStatus, PaymentNotice
from sandbox.services.loopback import NOBODY
from sandbox.yclients.control_client import ControlError, YclientsControl
from sandbox.yclients.operations import Operation
from sandbox.yclients.quirks import QuirkKind
from sandbox.yclients.rate import PER_SECOND
from tests.support.callback_receiver import Receiver
from tests.support.waiting import wait_until
from tests.support.yclients import APPLICATION_ID
from tests.support.yclients_parts import PARTNER_TOKEN, client_at

HOOK: Final = "/hook/secret"


async def test_a_salon_is_connected_frozen_thawed_and_uninstalled(
    box: YclientsControl, client: Yclients, salon: int
) -> None:
    assert (await client.connection(salon)).status is ConnectionStatus.PENDING
    await client.activate(salon, "our key", ["https://svc.example/hook/secret"])
    found = await client.connection(salon)
    assert found.status is ConnectionStatus.ACTIVE
    assert [change.status_to for change in found.logs] == ["pending", "active"]
    await box.freeze(salon)
    assert (await client.connection(salon)).status is ConnectionStatus.FREEZED
    payment = PaymentNotice(
        salon_id=salon,
        payment_sum=990,
        currency_iso="RUB",
        payment_date=datetime(2026, 3, 1, 10),  # noqa: DTZ001 - YClients writes no zone
        period_from=datetime(2026, 3, 1, 10),  # noqa: DTZ001 - as above
        period_to=datetime(2026, 4, 1, 10),  # noqa: DTZ001 - as above
    )
    payment_id = await client.report_payment(payment)
    thawed = await client.connection(salon)
    assert thawed.status is ConnectionStatus.ACTIVE
    assert [(paid.id, paid.payment_sum) for paid in thawed.payments] == [(payment_id, 990)]
    await client.refund(payment_id)
    assert (await client.connection(salon)).payments[0].is_refunded
    await client.uninstall(salon)
    with pytest.raises(RefusedError, match="not_installed"):
        await client.connection(salon)


async def test_what_an_activation_brings_is_kept(
    box: YclientsControl, client: Yclients, salon: int
) -> None:
    await client.activate(salon, "our key", ["https://svc.example/hook/secret"])

    there = await box.salon(salon)
    assert (there.api_key, there.webhook_urls) == ("our key", ["https://svc.example/hook/secret"])
    [call] = await box.calls(Operation.ACTIVATE, salon)
    assert (call.status, call.body["api_key"]) == (301, "***")
    assert "secret" not in json.dumps(call.body)


async def test_the_other_calls_answer_as_documented(
    box: YclientsControl, client: Yclients, salon: int
) -> None:
    await client.activate(salon, "key", [])

    assert salon in [each.id for each in await client.connected_salons(1, 1000)]
    assert "discount=10" in await client.payment_link(salon, 10)
    [tariff] = await client.tariffs()
    assert (tariff.id, tariff.options[0].overall_price) == (1, 990)
    await client.add_discount([salon], 15)
    await client.set_channel(salon, "whatsapp", available=True)
    await client.set_short_names(salon, ["SALON"])
    there = await box.salon(salon)
    assert (there.discount, there.channels, there.short_names) == (
        15,
        {"whatsapp": True},
        ["SALON"],
    )


async def test_a_second_activation_is_refused(client: Yclients, salon: int) -> None:
    await client.activate(salon, "key", [])

    with pytest.raises(RefusedError, match="already_installed"):
        await client.activate(salon, "another", [])


async def test_a_pending_connection_ends_by_itself(
    box: YclientsControl, client: Yclients, salon: int
) -> None:
    await box.switch(pending_lifetime_s=0.001)
    try:
        with pytest.raises(RefusedError, match="not_installed"):
            await client.connection(salon)
    finally:
        await box.switch(pending_lifetime_s=3600)


QUIRKS: Final[list[tuple[QuirkKind, type[YclientsError], str]]] = [
    (QuirkKind.HTML, AmbiguousError, "unreadable"),
    (QuirkKind.REDIRECT_HTML, AmbiguousError, "unreadable"),
    (QuirkKind.APPLICATION_UNKNOWN, RefusedError, "application_unknown"),
    (QuirkKind.ALREADY_INSTALLED, RefusedError, "already_installed"),
    (QuirkKind.NOT_INSTALLED, RefusedError, "not_installed"),
    (QuirkKind.INVALID, RefusedError, "invalid"),
    (QuirkKind.TOO_MANY, NotSentError, "rate_limited"),
    (QuirkKind.SERVER_ERROR, AmbiguousError, "server_error"),
    (QuirkKind.BAD_GATEWAY, AmbiguousError, "server_error"),
    (QuirkKind.UNAVAILABLE, AmbiguousError, "server_error"),
    (QuirkKind.SUCCESS_FALSE, RefusedError, "refused"),
    (QuirkKind.SECOND_ENVELOPE, RefusedError, "unauthorized"),
    (QuirkKind.RESET, AmbiguousError, "connection_lost"),
]


@pytest.mark.parametrize(("kind", "error", "reason"), QUIRKS)
async def test_every_quirk_ends_a_call_in_its_way(
    box: YclientsControl,
    client: Yclients,
    salon: int,
    kind: QuirkKind,
    error: type[YclientsError],
    reason: str,
) -> None:
    await box.add_quirk(kind, Operation.UNINSTALL, salon_id=salon)

    with pytest.raises(error) as caught:
        await client.uninstall(salon)

    assert caught.value.reason == reason
    assert (await client.connection(salon)).status is ConnectionStatus.PENDING
    [call] = await box.calls(Operation.UNINSTALL, salon)
    assert call.quirk == kind


async def test_a_hang_ends_with_the_callers_patience(
    box: YclientsControl, box_url: str, salon: int
) -> None:
    await box.add_quirk(QuirkKind.HANG, salon_id=salon)
    async with client_at(box_url, call_s=2.0) as impatient:
        with pytest.raises(AmbiguousError, match="timeout"):
            await impatient.client.uninstall(salon)


async def test_what_was_cut_off_may_have_been_carried_out(
    box: YclientsControl, client: Yclients, salon: int
) -> None:
    await box.add_quirk(QuirkKind.RESET, Operation.ACTIVATE, salon_id=salon, applied=True)

    with pytest.raises(AmbiguousError, match="connection_lost"):
        await client.activate(salon, "key", [])

    assert (await box.salon(salon)).callbacks == 1
    assert (await client.connection(salon)).status is ConnectionStatus.ACTIVE


async def test_latency_delays_the_right_answer(
    box: YclientsControl, client: Yclients, salon: int
) -> None:
    await box.add_quirk(QuirkKind.LATENCY, salon_id=salon, latency_ms=60)
    started = asyncio.get_running_loop().time()

    assert (await client.connection(salon)).status is ConnectionStatus.PENDING
    assert asyncio.get_running_loop().time() - started >= 0.06


GOOD: Final = {
    "Authorization": f"Bearer {PARTNER_TOKEN}",
    "Accept": "application/vnd.yclients.v2+json",
}


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 200),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {PARTNER_TOKEN}"}, 401),
        ({"Accept": "application/json"}, 400),
    ],
)
async def test_who_comes_in_wrongly_is_refused(
    box_url: str, salon: int, changed: dict[str, str], status: int
) -> None:
    path = f"/marketplace/salon/{salon}/application/{APPLICATION_ID}"
    async with httpx2.AsyncClient(
        base_url=box_url, headers={**GOOD, **changed}, verify=NOBODY
    ) as http:
        assert (await http.get(path)).status_code == status


async def test_wrong_paths_types_and_applications_are_refused(box_url: str, salon: int) -> None:
    good = {"salon_id": salon, "application_id": APPLICATION_ID, "api_key": "key"}
    path = "/marketplace/partner/callback/redirect"
    async with httpx2.AsyncClient(base_url=box_url, headers=GOOD, verify=NOBODY) as http:
        assert (await http.post(f"/api/v1{path}", json=good)).status_code == 404
        assert (await http.post(path, data={"salon_id": "1"})).status_code == 415
        assert (await http.post(path, content=b"[", headers=JSON)).status_code == 400
        wrong = await http.post(path, json={**good, "webhook_urls": "https://svc.example"})
        assert (wrong.status_code, list(wrong.json()["meta"]["errors"])) == (422, ["webhook_urls"])
        other = await http.post(path, json={**good, "application_id": 7})
        assert (other.status_code, other.json()["meta"]["message"]) == (400, "Агрегатор не найден")


JSON: Final = {"Content-Type": "application/json"}


async def test_too_many_calls_are_refused_without_a_hint(
    box: YclientsControl, box_url: str, salon: int
) -> None:
    path = f"/marketplace/salon/{salon}/application/{APPLICATION_ID}"
    await box.switch(rate_limit=True)
    try:
        async with httpx2.AsyncClient(base_url=box_url, headers=GOOD, verify=NOBODY) as http:
            answers: list[httpx2.Response] = []

            async def some_were_too_many() -> bool:
                """A busy machine may need more than a second for the first twelve."""
                answers.extend(await asyncio.gather(*(http.get(path) for _ in range(12))))
                return any(answer.status_code == 429 for answer in answers)

            await wait_until(some_were_too_many)
    finally:
        await box.switch(rate_limit=False)

    assert {answer.status_code for answer in answers} == {200, 429}
    assert all("retry-after" not in answer.headers for answer in answers)
    assert PER_SECOND < (await box.stats()).most_in_a_second <= len(answers)


async def test_callbacks_come_once_doubled_and_in_the_wrong_order(
    box: YclientsControl, client: Yclients, receiver: Receiver, salon: int
) -> None:
    await client.activate(salon, "key", [f"{receiver.url}{HOOK}"])
    await box.deliver(copies=2)
    await box.freeze(salon)
    await wait_until(lambda: receiver.events(salon) == ["freeze", "freeze"], what="both have come")
    path, body = receiver.about(salon)[0]
    assert (path, body["salon_id"], body["application_id"]) == (
        "/webhook/yclients",
        salon,
        APPLICATION_ID,
    )
    assert body["partner_token"] == PARTNER_TOKEN
    receiver.got.clear()

    await box.deliver(held=True)
    await box.pay(salon)
    await box.uninstall(salon)
    assert await box.let_go() == 2

    await wait_until(lambda: receiver.events(salon) == ["uninstall", "payment"], what="swapped")

    async def both_are_noted() -> bool:
        last = [(each.event, each.status) for each in await box.deliveries()][-2:]
        return last == [("uninstall", 200), ("payment", 200)]

    await wait_until(both_are_noted, what="our answers are noted")


async def test_changed_records_are_told_to_the_address_of_the_activation(
    box: YclientsControl, client: Yclients, receiver: Receiver, salon: int
) -> None:
    await client.activate(salon, "key", [f"{receiver.url}{HOOK}"])

    await box.send_entity(salon, "record", 555, "update", {"id": 555})

    await wait_until(lambda: receiver.about(salon), what="it has come")
    [(path, body)] = receiver.about(salon)
    assert path == HOOK
    assert body == {
        "company_id": salon,
        "resource": "record",
        "resource_id": 555,
        "status": "update",
        "data": {"id": 555},
    }


async def test_one_salons_callbacks_may_go_another_way(
    box: YclientsControl, client: Yclients, receiver: Receiver, salon: int
) -> None:
    await client.activate(salon, "key", [f"{receiver.url}{HOOK}"])
    await box.deliver(copies=0)
    await box.deliver(copies=2, partial=True, salon_id=salon, times=1)

    await box.send_entity(salon, "record", 555, "update", {"id": 555, "comment": "…"})
    await box.send_entity(salon, "record", 556, "update", {"id": 556})

    await wait_until(
        lambda: len(receiver.about(salon)) == 2, what="twice, and the second one not at all"
    )
    assert [body["data"] for _, body in receiver.about(salon)] == [{"id": 555}, {"id": 555}]


async def test_a_reset_ends_what_was_held_or_late(
    box: YclientsControl, client: Yclients, receiver: Receiver, salon: int
) -> None:
    await client.activate(salon, "key", [])
    await box.deliver(delay_s=60)
    await box.freeze(salon)
    await box.deliver(held=True)
    await box.uninstall(salon)
    assert (await box.stats()).held == 1

    await box.reset()

    assert (await box.stats()).held == 0
    assert await box.let_go() == 0
    await box.send_lifecycle(salon, "probe")
    await wait_until(lambda: receiver.about(salon), what="the next one comes at once")
    assert receiver.events(salon) == ["probe"]


async def test_what_posted_numbers_are_no_text(box_url: str, salon: int) -> None:
    body = {"salon_id": str(salon), "application_id": APPLICATION_ID, "api_key": "key"}
    async with httpx2.AsyncClient(base_url=box_url, headers=GOOD, verify=NOBODY) as http:
        answer = await http.post("/marketplace/partner/callback", json=body)
    assert (answer.status_code, list(answer.json()["meta"]["errors"])) == (422, ["salon_id"])


async def test_calls_to_wrong_paths_are_noted_too(box: YclientsControl, box_url: str) -> None:
    async with httpx2.AsyncClient(base_url=box_url, headers=GOOD, verify=NOBODY) as http:
        answer = await http.get("/api/v1/marketplace/application/77/tariffs")
        assert answer.json()["errors"]["code"] == 404
    [call] = await box.calls()
    assert (call.path, call.operation, call.status) == (
        "/api/v1/marketplace/application/77/tariffs",
        None,
        404,
    )
    assert await box.calls(after=call.number) == []


async def test_a_page_from_elsewhere_changes_nothing(box_url: str, salon: int) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    async with httpx2.AsyncClient(base_url=box_url, headers=foreign, verify=NOBODY) as http:
        assert (await http.post(f"/salons/{salon}/uninstall")).status_code == 403
        assert (await http.post("/control/reset")).status_code == 403


async def test_an_unknown_salon_or_order_is_refused(box: YclientsControl) -> None:
    with pytest.raises(ControlError, match="NOT_FOUND"):
        await box.salon(999_999_999_9)
    with pytest.raises(ControlError, match="BAD_REQUEST"):
        await box.switch(pending_lifetime_s=-1)
    with pytest.raises(ControlError, match="NOT_FOUND"):
        await box.remove_quirk(999_999)
