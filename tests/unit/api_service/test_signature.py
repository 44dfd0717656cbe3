"""User data from YClients: both alphabets, any padding, the signature over the decoded JSON."""

import base64
import hashlib
import hmac
import json

import pytest

from api_service.core.signature import MarketplaceUser, verified_user
from shared.errors import AppError, ErrorCode

TOKEN = "test-partner-token-0123456789"
USER = {"id": 501, "name": "Анна ÿÿÿ>>>???", "phone": "79990000001", "email": "a@ex.test"}
RAW = json.dumps(USER, ensure_ascii=False).encode()
SIGN = hmac.new(TOKEN.encode(), RAW, hashlib.sha256).hexdigest()
PLAIN = base64.b64encode(RAW).decode()
URL_SAFE = base64.urlsafe_b64encode(RAW).decode()


def sign(raw: bytes) -> tuple[str, str]:
    mac = hmac.new(TOKEN.encode(), raw, hashlib.sha256).hexdigest()
    return base64.b64encode(raw).decode(), mac


def refusal(user_data: str, signature: str) -> ErrorCode:
    with pytest.raises(AppError) as refused:
        verified_user(user_data, signature, TOKEN)
    return refused.value.code


def test_the_two_alphabets_differ_here() -> None:
    assert PLAIN != URL_SAFE


@pytest.mark.parametrize(
    "user_data",
    [PLAIN, URL_SAFE, PLAIN.rstrip("="), URL_SAFE.rstrip("="), PLAIN.replace("+", " ")],
)
def test_every_way_of_writing_base64_is_read(user_data: str) -> None:
    assert verified_user(user_data, SIGN, TOKEN) == MarketplaceUser(
        id="501", name="Анна ÿÿÿ>>>???", phone="79990000001", email="a@ex.test"
    )


def test_the_signature_may_be_in_capitals() -> None:
    assert verified_user(PLAIN, SIGN.upper(), TOKEN).id == "501"


def test_a_signature_over_the_base64_text_is_not_accepted() -> None:
    over_text = hmac.new(TOKEN.encode(), PLAIN.encode(), hashlib.sha256).hexdigest()

    assert refusal(PLAIN, over_text) is ErrorCode.SIGNATURE_INVALID


@pytest.mark.parametrize(("user_data", "signature"), [("", SIGN), (PLAIN, ""), ("", "")])
def test_nothing_signed_is_refused(user_data: str, signature: str) -> None:
    assert refusal(user_data, signature) is ErrorCode.SIGNATURE_MISSING


@pytest.mark.parametrize("signature", ["0" * 64, SIGN[:-1], SIGN + "0", "ж" * 64, "x", " " + SIGN])
def test_a_wrong_signature_is_refused(signature: str) -> None:
    assert refusal(PLAIN, signature) is ErrorCode.SIGNATURE_INVALID


def test_other_data_under_the_same_signature_is_refused() -> None:
    other = base64.b64encode(RAW.replace(b"501", b"502")).decode()

    assert refusal(other, SIGN) is ErrorCode.SIGNATURE_INVALID


@pytest.mark.parametrize("user_data", ["*", "abcde\n", "я", "A", PLAIN + "!", "A" * 8193])
def test_what_is_no_base64_is_refused(user_data: str) -> None:
    assert refusal(user_data, SIGN) is ErrorCode.USER_DATA_INVALID


@pytest.mark.parametrize("raw", [b"", b"[]", b"1", b'"x"', b"null", b"{", b"\xff", b"[" * 6000])
def test_signed_data_that_is_no_object_is_refused(raw: bytes) -> None:
    expected = ErrorCode.USER_DATA_INVALID if raw else ErrorCode.SIGNATURE_MISSING

    assert refusal(*sign(raw)) is expected


def test_fields_of_odd_types_count_as_missing() -> None:
    raw = b'{"id":true,"name":["x"],"phone":79990000001,"email":null,"salon_name":"\\u0000 \\t"}'

    assert verified_user(*sign(raw), TOKEN) == MarketplaceUser(phone="79990000001")


def test_only_what_was_told_goes_into_the_token() -> None:
    assert MarketplaceUser(id="501", name="Anna").as_claims() == {"id": "501", "name": "Anna"}
