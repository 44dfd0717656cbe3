"""Why a booking is refused, by YClients' own codes (D1), and how that is answered.

434 is HTTP 403, the others are HTTP 422 (D1); the code's place in the body is inferred from an
integrator's code (I).
"""

from enum import IntEnum
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from sandbox.yclients.envelope import Refused, refusal


class Code(IntEnum):
    BAD_PHONE = 431
    TAKEN = 433
    BLACKLISTED = 434
    NO_NAME = 435
    NOBODY_FREE = 436
    OVERLAP = 437
    UNAVAILABLE = 438


_TEXTS: Final = {
    Code.BAD_PHONE: "Неверный формат номера телефона",
    Code.TAKEN: "Выбранное время уже занято",
    Code.BLACKLISTED: "Запись для этого номера недоступна",
    Code.NO_NAME: "Не указано имя",
    Code.NOBODY_FREE: "Нет свободных сотрудников на выбранное время",
    Code.OVERLAP: "Записи в запросе пересекаются",
    Code.UNAVAILABLE: "Услуга недоступна",
}


def booking_refused(code: Code) -> Refused:
    return Refused(_answer(code))


def _answer(code: Code) -> Response:
    status = HTTPStatus.FORBIDDEN if code is Code.BLACKLISTED else HTTPStatus.UNPROCESSABLE_ENTITY
    error = {"code": int(code), "message": _TEXTS[code]}
    return refusal(status, _TEXTS[code], [error])
