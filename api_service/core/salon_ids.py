"""Which salon a redirect from YClients is about."""

from collections.abc import Iterable
from typing import Final

from shared.company_id import SalonId, parse_salon_id
from shared.errors import AppError, ErrorCode

NAMES: Final = ("salon_id", "salon_ids[0]", "salon_ids[]", "salon_ids")
"""The ways in which YClients and Altegio name it; the first that is there counts."""

LARGEST_STORED: Final = 2**31 - 1
"""``companies.yclients_id`` is an integer of four bytes."""


def salon_id_of_query(pairs: Iterable[tuple[str, str]]) -> SalonId:
    """The first salon of the query: one id, an indexed or repeated parameter, or ``1,2``.

    Raises AppError(INVALID_SALON_ID).
    """
    given = list(pairs)
    for name in NAMES:
        values = [value for key, value in given if key == name]
        if values:
            salon_id = parse_salon_id(values[0].split(",", 1)[0].strip())
            if salon_id > LARGEST_STORED:
                break
            return salon_id
    raise AppError(ErrorCode.INVALID_SALON_ID)
