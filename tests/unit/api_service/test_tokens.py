"""The onboarding token: what it says, and which tokens open nothing."""

import time
from typing import Any

import jwt
import pytest

from api_service.core.tokens import LIFETIME_S, Registration, Tokens
from shared.company_id import CompanyId, SalonId
from shared.errors import AppError, ErrorCode

SECRET = "test-jwt-secret-0123456789-abcdefghij"
OTHER = "another-secret-0123456789-abcdefghijk"
NOW = int(time.time())
CLAIMS: dict[str, Any] = {
    "company_id": 7,
    "salon_id": 1001,
    "company_title": "Салон",
    "type": "marketplace_registration",
    "user_data": {},
    "iat": NOW,
    "exp": NOW + 3600,
}


def signed(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode({**CLAIMS, **changes}, secret, algorithm=algorithm)


def refusal(token: str | None) -> ErrorCode:
    with pytest.raises(AppError) as refused:
        Tokens(SECRET).verify(token)
    return refused.value.code


def test_what_was_issued_is_verified() -> None:
    token = Tokens(SECRET).issue(CompanyId(7), SalonId(1001), "Салон", {"id": "501"})

    registration = Tokens(SECRET).verify(token)
    assert (registration.company_id, registration.salon_id) == (7, 1001)
    assert registration.session_id == "company_1001"
    assert registration.expires_at == pytest.approx(time.time() + LIFETIME_S, abs=60)


def test_the_payload_is_the_documented_one() -> None:
    token = Tokens(SECRET).issue(CompanyId(7), SalonId(1001), "Салон", {"id": "501"})

    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims.pop("exp") - claims.pop("iat") == LIFETIME_S
    assert claims == {
        "company_id": 7,
        "salon_id": 1001,
        "company_title": "Салон",
        "type": "marketplace_registration",
        "user_data": {"id": "501"},
    }


def test_a_token_of_a_machine_whose_clock_is_ahead_is_believed() -> None:
    now = int(time.time())

    assert Tokens(SECRET).verify(signed(iat=now + 20, exp=now + 3620)).salon_id == 1001


@pytest.mark.parametrize("token", [None, ""])
def test_no_token_is_told_apart(token: str | None) -> None:
    assert refusal(token) is ErrorCode.TOKEN_MISSING


def test_an_expired_token_is_told_apart() -> None:
    assert refusal(signed(exp=NOW - 1)) is ErrorCode.TOKEN_EXPIRED


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b.c",
        "ж.ж.ж",
        "e" * 9000,
        signed(OTHER),
        signed(SECRET * 2, "HS512"),
        jwt.encode(CLAIMS, "", algorithm="none"),
        signed(type="admin"),
        signed(type=None),
        signed(salon_id=0),
        signed(salon_id="../1"),
        signed(salon_id=True),
        signed(salon_id=None),
        signed(company_id="7"),
        signed(company_id=True),
        signed(company_id=None),
        signed(exp="tomorrow"),
        signed(iat=NOW + 3600),
        signed(iat="today"),
        jwt.encode({k: v for k, v in CLAIMS.items() if k != "exp"}, SECRET),
        jwt.encode({k: v for k, v in CLAIMS.items() if k != "iat"}, SECRET),
        f"{signed()}x",
        f" {signed()}",
    ],
)
def test_any_other_token_opens_nothing(token: str) -> None:
    assert refusal(token) is ErrorCode.TOKEN_INVALID


def test_without_a_secret_no_token_is_issued_or_accepted() -> None:
    tokens = Tokens("")

    assert not tokens.configured
    for attempt in (
        lambda: tokens.verify(signed()),
        lambda: tokens.issue(CompanyId(7), SalonId(1001), "", {}),
    ):
        with pytest.raises(AppError) as refused:
            attempt()
        assert refused.value.code is ErrorCode.NOT_CONFIGURED


def test_two_tokens_of_one_salon_name_one_session() -> None:
    assert Registration(CompanyId(1), SalonId(5), 0).session_id == "company_5"
