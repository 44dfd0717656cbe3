"""Phone numbers: E.164 digits without the plus, everywhere inside the system."""

import re
from typing import NewType

from shared.errors import AppError, ErrorCode

PhoneNumber = NewType("PhoneNumber", str)

MIN_DIGITS = 10
MAX_DIGITS = 15
_RUSSIAN_LENGTH = 11
"""Of every number of the countries that share the calling code 7: Russia and Kazakhstan."""
_ALLOWED = re.compile(r"(?:[0-9+()\-.\u2011\u2013]|[^\S\x1c-\x1f\x85])+")
"""Blanks as the page knows them: separators of files and records are none."""


def parse_phone(value: object) -> PhoneNumber:
    """Normalise what a person typed.

    11 digits starting with 8 and bare 10 digits are Russian, unless a plus was given.
    Raises AppError(PHONE_REQUIRED) when nothing was given and AppError(INVALID_PHONE_FORMAT) for
    anything that is not text, holds other than digits and separators, has fewer than 10 or more
    than 15 digits, or begins with 7 and has not 11.
    """
    if value is None or value == "":
        raise AppError(ErrorCode.PHONE_REQUIRED)
    if not isinstance(value, str) or len(value) > 40 or not _ALLOWED.fullmatch(value):  # noqa: PLR2004 - longer than any number with separators
        raise AppError(ErrorCode.INVALID_PHONE_FORMAT)
    text = value.strip()
    digits = re.sub(r"[^0-9]", "", text)
    if "+" in text[1:]:
        raise AppError(ErrorCode.INVALID_PHONE_FORMAT)
    if not text.startswith("+"):
        digits = _as_russian(digits)
    if not MIN_DIGITS <= len(digits) <= MAX_DIGITS or digits.startswith("0"):
        raise AppError(ErrorCode.INVALID_PHONE_FORMAT)
    if digits.startswith("7") and len(digits) != _RUSSIAN_LENGTH:
        raise AppError(ErrorCode.INVALID_PHONE_FORMAT)
    return PhoneNumber(digits)


def _as_russian(digits: str) -> str:
    if len(digits) == _RUSSIAN_LENGTH and digits.startswith("8"):
        return f"7{digits[1:]}"
    if len(digits) == MIN_DIGITS:
        return f"7{digits}"
    return digits


def mask_phone(phone: str) -> str:
    """The form that logs may hold: country and the last two digits. ``79990000001`` → ``7*01``."""
    return f"{phone[:1]}*{phone[-2:]}" if len(phone) > 4 else "*"  # noqa: PLR2004 - too short to hide anything
