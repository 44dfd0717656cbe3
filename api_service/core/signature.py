"""The user data that YClients sends along with a redirect, and its signature.

``user_data`` is base64 of JSON, in the plain or the URL-safe alphabet, with or without padding;
``user_data_sign`` is hex of HMAC-SHA256 over the *decoded* JSON, keyed with the partner token.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from shared.errors import AppError, ErrorCode

MAX_USER_DATA_LENGTH: Final = 8_192
_LONGEST_FIELD: Final = 200
_LONGEST_PHONE: Final = 20


@dataclass(frozen=True, slots=True)
class MarketplaceUser:
    """Who pressed the button, as far as YClients told; any field may be None."""

    id: str | None = None
    name: str | None = None
    phone: str | None = None
    email: str | None = None
    salon_name: str | None = None

    def as_claims(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def verified_user(user_data: str, sign: str, partner_token: str) -> MarketplaceUser:
    """Raises AppError(SIGNATURE_MISSING, SIGNATURE_INVALID, USER_DATA_INVALID)."""
    if not user_data or not sign:
        raise AppError(ErrorCode.SIGNATURE_MISSING)
    if len(user_data) > MAX_USER_DATA_LENGTH:
        raise AppError(ErrorCode.USER_DATA_INVALID)
    raw = _decode(user_data)
    expected = hmac.new(partner_token.encode(), raw, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), sign.lower().encode()):
        raise AppError(ErrorCode.SIGNATURE_INVALID)
    return _user(raw)


def _decode(user_data: str) -> bytes:
    """A plus that a proxy turned into a space is a plus again."""
    text = user_data.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise AppError(ErrorCode.USER_DATA_INVALID) from None


def _user(raw: bytes) -> MarketplaceUser:
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        raise AppError(ErrorCode.USER_DATA_INVALID) from None
    if not isinstance(fields, dict):
        raise AppError(ErrorCode.USER_DATA_INVALID)
    return MarketplaceUser(
        id=_text(fields, "id"),
        name=_text(fields, "name"),
        phone=_text(fields, "phone", longest=_LONGEST_PHONE),
        email=_text(fields, "email"),
        salon_name=_text(fields, "salon_name"),
    )


def _text(fields: dict[str, Any], name: str, *, longest: int = _LONGEST_FIELD) -> str | None:
    """What can be stored and shown: no control characters, no halves of characters."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    clean = str(value).encode("utf-8", "ignore").decode("utf-8")
    clean = "".join(character for character in clean if character.isprintable()).strip()
    return clean[:longest] or None
