"""The three ids of a salon.

A salon is known to YClients by its ``salon_id``; its WhatsApp session is ``company_{salon_id}``,
the only form in Redis and in the WhatsApp tables; ``company_id`` is the row id in ``companies``.
"""

import re
from typing import NewType

from shared.errors import AppError, ErrorCode

SalonId = NewType("SalonId", int)
CompanyId = NewType("CompanyId", int)
SessionId = NewType("SessionId", str)

SESSION_ID_PATTERN = r"^company_[1-9][0-9]{0,14}$"
_SESSION_ID = re.compile(r"company_([1-9][0-9]{0,14})", re.ASCII)
_SALON_ID = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


def parse_salon_id(value: object) -> SalonId:
    """Read a positive integer of at most 15 digits, given as an int or as plain decimal text.

    Raises AppError(INVALID_SALON_ID) for anything else, leading zeros and signs among it.
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _SALON_ID.fullmatch(text):
        raise AppError(ErrorCode.INVALID_SALON_ID)
    return SalonId(int(text))


def session_id_of(salon_id: SalonId) -> SessionId:
    return SessionId(f"company_{salon_id}")


def parse_session_id(value: object) -> SessionId:
    """Accept the canonical form only. Raises AppError(INVALID_SESSION_ID)."""
    if not isinstance(value, str) or not _SESSION_ID.fullmatch(value):
        raise AppError(ErrorCode.INVALID_SESSION_ID)
    return SessionId(value)


def salon_id_of(session_id: SessionId) -> SalonId:
    return SalonId(int(session_id.removeprefix("company_")))
