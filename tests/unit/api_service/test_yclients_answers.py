"""What YClients' answers mean, with every looseness that is documented."""

import json
from datetime import datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from api_service.yclients.answers import (
    LONGEST_MESSAGE,
    Answer,
    data_of,
    require_accepted,
    require_done,
)
from api_service.yclients.errors import (
    AmbiguousError,
    NotSentError,
    RefusedError,
    YclientsError,
)
from api_service.yclients.models import (
    ConnectedSalon,
    ConnectionStatus,
    LooseList,
    SalonConnection,
    Tariff,
)

CONNECTION = TypeAdapter(SalonConnection)
JSON = "application/json; charset=utf-8"


def told(status: int, content: object, *, content_type: str = JSON, **more: Any) -> Answer:
    body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    return Answer(status, content_type, body, **more)


def failure(answer: Answer) -> YclientsError:
    with pytest.raises(YclientsError) as raised:
        data_of(answer, CONNECTION)
    return raised.value


def envelope(message: str) -> dict[str, Any]:
    return {"success": False, "data": None, "meta": {"message": message}}


def second_shape(code: int, message: str) -> dict[str, Any]:
    return {"errors": {"code": code, "message": message}, "meta": {"message": message}}


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        (403, "Пользователь уже установил это приложение.", "already_installed"),
        (403, "  пользователь  УЖЕ установил\nэто приложение ", "already_installed"),
        (400, "Агрегатор не найден", "application_unknown"),
        (400, "АГРЕГАТОР  НЕ НАЙДЕН!", "application_unknown"),
        (404, "Агрегатор не найден", "application_unknown"),
        (403, "Недостаточно прав", "forbidden"),
        (400, "Плохо", "refused"),
        (404, "Приложение не установлено", "not_installed"),
        (401, "Необходима авторизация", "unauthorized"),
        (422, "Ошибка валидации", "invalid"),
    ],
)
@pytest.mark.parametrize("second", [False, True])
def test_a_refusal_is_known_by_its_words_and_its_status(
    status: int, message: str, reason: str, second: bool
) -> None:
    content = second_shape(status, message) if second else envelope(message)

    error = failure(told(status, content))

    assert isinstance(error, RefusedError)
    assert (error.reason, error.status, error.message) == (reason, status, message.strip())


@pytest.mark.parametrize("body", ['{"message": "Not Found"}', '{"detail": "no route"}', "{}"])
def test_a_gateways_404_is_no_word_of_yclients(body: str) -> None:
    """Else every salon would seem to have gone at an address that is not YClients' any more."""
    error = failure(told(404, body))

    assert isinstance(error, RefusedError)
    assert error.reason == "refused"


@pytest.mark.parametrize("body", ["<h1>404</h1>", "", "[]", "null", '"text"', "{", "[" * 100_000])
def test_a_404_that_is_not_in_yclients_words_says_nothing_of_the_salon(body: str) -> None:
    error = failure(told(404, body))

    assert isinstance(error, RefusedError)
    assert (error.reason, error.message) == ("refused", "")


def test_a_message_is_masked_and_short() -> None:
    error = failure(told(400, envelope("телефон 79990000001 " + "x " * 1000)))

    assert isinstance(error, RefusedError)
    assert "79990000001" not in error.message
    assert len(error.message) == LONGEST_MESSAGE


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (envelope("Агрегатор не найден"), RefusedError, "application_unknown"),
        (envelope("Что-то не так"), RefusedError, "refused"),
        ({"success": False}, RefusedError, "refused"),
        (second_shape(404, "Нет"), RefusedError, "not_installed"),
        (second_shape(500, "Упало"), AmbiguousError, "server_error"),
        ({"success": True, "errors": [{"code": 1}]}, RefusedError, "refused"),
    ],
)
def test_a_200_without_success_is_a_failure(
    content: object, kind: type[YclientsError], reason: str
) -> None:
    error = failure(told(200, content))

    assert (type(error), error.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (told(500, envelope("x")), AmbiguousError, "server_error"),
        (told(504, "<html>", content_type="text/html"), AmbiguousError, "server_error"),
        (told(408, ""), AmbiguousError, "timeout"),
        (told(301, ""), AmbiguousError, "unreadable"),
        (told(200, "<html>", content_type="text/html"), AmbiguousError, "unreadable"),
        (
            told(200, '{"success":true,"data":{}}', content_type="text/html"),
            AmbiguousError,
            "unreadable",
        ),
        (told(200, {"success": True, "meta": []}), AmbiguousError, "unreadable"),
        (told(200, {"success": True, "data": "text"}), AmbiguousError, "unreadable"),
        (told(200, b"\xff\xfe".decode("latin-1")), AmbiguousError, "unreadable"),
        (Answer(200, JSON, None), AmbiguousError, "unreadable"),
        (told(429, "<html>"), NotSentError, "rate_limited"),
    ],
)
def test_everything_else_is_told_apart_by_whether_it_was_carried_out(
    answer: Answer, kind: type[YclientsError], reason: str
) -> None:
    error = failure(answer)

    assert (type(error), error.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("header", "pause_s"),
    [
        ("", None),
        ("7", 7.0),
        ("86400", 60.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-1", None),
    ],
)
def test_a_pause_is_read_when_it_is_told(header: str, pause_s: float | None) -> None:
    error = failure(told(429, "", retry_after=header))

    assert isinstance(error, NotSentError)
    assert error.retry_after_s == pause_s


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.yclients.v2+json", ""])
@pytest.mark.parametrize("data", [{}, [], None])
def test_an_object_may_be_a_list_or_nothing(kind: str, data: object) -> None:
    answer = told(200, {"success": True, "data": data, "meta": []}, content_type=kind)

    assert data_of(answer, CONNECTION) == SalonConnection()


def test_a_connection_is_read_as_loosely_as_it_is_written() -> None:
    answer = told(
        200,
        {
            "success": True,
            "data": {
                "connection_status": {"status": "freezed", "created_at": "0000-00-00 00:00:00"},
                "payments": {
                    "1": {
                        "id": "9",
                        "payment_sum": "990.50",
                        "currency_iso": "RUB",
                        "is_refunded": 0,
                        "period_to": "2026-04-01 10:05:00",
                        "period_from": "",
                        "payment_date": None,
                    },
                    "3": {"id": 10, "payment_sum": None, "is_refunded": None},
                },
                "logs": [{"status_to": "active", "changed_at": []}, []],
            },
        },
    )

    connection = data_of(answer, CONNECTION)

    assert connection.status is ConnectionStatus.FREEZED
    assert connection.connection_status.created_at is None
    first, second = connection.payments
    assert (first.id, first.payment_sum, first.is_refunded) == (9, 990.5, False)
    assert first.period_to == datetime(2026, 4, 1, 10, 5)  # noqa: DTZ001 - YClients tells no zone
    assert (first.period_from, first.payment_date) == (None, None)
    assert (second.id, second.payment_sum, second.is_refunded) == (10, 0.0, False)
    assert [change.status_to for change in connection.logs] == ["active", None]


def test_lists_are_read_as_loosely() -> None:
    salons: TypeAdapter[list[ConnectedSalon]] = TypeAdapter(LooseList[ConnectedSalon])
    tariffs: TypeAdapter[list[Tariff]] = TypeAdapter(LooseList[Tariff])
    rows = [{"id": "1001", "title": 7, "more": 1}, {"id": 1002, "title": None}]
    options = {"id": "2", "overall_price": "990", "duration_in_months": "1", "staff_amount": None}

    read = data_of(told(200, {"success": True, "data": rows}), salons)
    [tariff] = data_of(
        told(200, {"success": True, "data": [{"id": "1", "options": {"0": options}}]}), tariffs
    )

    assert [(salon.id, salon.title) for salon in read] == [(1001, "7"), (1002, "")]
    assert data_of(told(200, {"success": True, "data": {}}), salons) == []
    assert (tariff.options[0].overall_price, tariff.options[0].duration_in_months) == (990.0, 1)


def test_one_salon_that_cannot_be_read_spoils_the_page() -> None:
    """A salon that is left out would be taken for one that is not connected."""
    salons: TypeAdapter[list[ConnectedSalon]] = TypeAdapter(LooseList[ConnectedSalon])

    with pytest.raises(AmbiguousError, match="unreadable"):
        data_of(told(200, {"success": True, "data": [{"id": 1}, {"id": "?"}]}), salons)


@pytest.mark.parametrize("status", [200, 201, 204, 301, 302])
@pytest.mark.parametrize("body", ["", "<html>", '{"success":false}'])
def test_an_activation_is_accepted_by_its_status(status: int, body: str) -> None:
    require_accepted(told(status, body))


@pytest.mark.parametrize("status", [300, 303, 304, 307, 308])
def test_no_other_redirect_accepts_it(status: int) -> None:
    with pytest.raises(AmbiguousError, match="unreadable"):
        require_accepted(told(status, ""))


def test_a_change_needs_no_words_but_no_wrong_ones() -> None:
    require_done(told(200, {"success": True, "data": None}))
    require_done(told(201, {"success": True}))
    require_done(told(204, "", content_type=""))
    with pytest.raises(AmbiguousError, match="unreadable"):
        require_done(told(200, "<html>", content_type="text/html"))
    with pytest.raises(RefusedError, match="not_installed"):
        require_done(told(404, envelope("Нет")))
