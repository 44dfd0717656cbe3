"""The onboarding token: who may link which salon, for one hour."""

import hashlib
import math
import time
from dataclasses import dataclass
from typing import Any, Final

import jwt

from shared.company_id import CompanyId, SalonId, SessionId, parse_salon_id, session_id_of
from shared.errors import AppError, ErrorCode

LIFETIME_S: Final = 3600
TYPE: Final = "marketplace_registration"
MAX_LENGTH: Final = 8_192
CLOCKS_APART_S: Final = 60.0
"""How far the clocks of two API machines may differ: what one has issued, the other accepts."""
_ALGORITHM: Final = "HS256"


@dataclass(frozen=True, slots=True)
class Registration:
    """What a valid token says. ``expires_at``: seconds since the epoch."""

    company_id: CompanyId
    salon_id: SalonId
    expires_at: float

    @property
    def session_id(self) -> SessionId:
        return session_id_of(self.salon_id)


class Tokens:
    """Raises AppError(NOT_CONFIGURED) as long as there is no secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def issue(
        self,
        company_id: CompanyId,
        salon_id: SalonId,
        company_title: str,
        user_data: dict[str, str],
    ) -> str:
        now = int(time.time())
        claims = {
            "company_id": company_id,
            "salon_id": salon_id,
            "company_title": company_title,
            "type": TYPE,
            "user_data": user_data,
            "iat": now,
            "exp": now + LIFETIME_S,
        }
        return jwt.encode(claims, self._require_secret(), algorithm=_ALGORITHM)

    def verify(self, token: str | None) -> Registration:
        """Raises AppError(TOKEN_MISSING, TOKEN_EXPIRED, TOKEN_INVALID)."""
        secret = self._require_secret()
        if not token:
            raise AppError(ErrorCode.TOKEN_MISSING)
        if len(token) > MAX_LENGTH:
            raise AppError(ErrorCode.TOKEN_INVALID)
        try:
            claims = jwt.decode(
                token,
                secret,
                algorithms=[_ALGORITHM],
                options={"require": ["exp", "iat"], "verify_iat": False},
            )
        except jwt.ExpiredSignatureError:
            raise AppError(ErrorCode.TOKEN_EXPIRED) from None
        except (jwt.InvalidTokenError, ValueError, OverflowError, RecursionError):
            raise AppError(ErrorCode.TOKEN_INVALID) from None
        return _registration(claims)

    def minutes_since_expiry(self, token: str) -> int:
        """Of a token that `verify` has called expired; whole minutes, rounded up."""
        claims = jwt.decode(
            token, self._require_secret(), algorithms=[_ALGORITHM], options={"verify_exp": False}
        )
        return max(1, math.ceil((time.time() - float(claims["exp"])) / 60))

    @property
    def configured(self) -> bool:
        return bool(self._secret)

    def _require_secret(self) -> str:
        if not self._secret:
            raise AppError(ErrorCode.NOT_CONFIGURED)
        return self._secret


def _registration(claims: dict[str, Any]) -> Registration:
    company_id = claims.get("company_id")
    if (
        claims.get("type") != TYPE
        or not _issued_by_now(claims["iat"])
        or isinstance(company_id, bool)
        or not isinstance(company_id, int)
    ):
        raise AppError(ErrorCode.TOKEN_INVALID)
    try:
        salon_id = parse_salon_id(claims.get("salon_id"))
    except AppError:
        raise AppError(ErrorCode.TOKEN_INVALID) from None
    return Registration(CompanyId(company_id), salon_id, float(claims["exp"]))


def _issued_by_now(moment: object) -> bool:
    return isinstance(moment, int | float) and moment <= time.time() + CLOCKS_APART_S


def fingerprint(token: str) -> str:
    """Names a token where the token itself must not be written."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]
