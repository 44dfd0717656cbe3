"""Settings of the API: lists, origins, and what production insists on."""

from typing import Any

import pytest
from pydantic import ValidationError

from api_service.settings import ApiSettings
from shared.settings import Environment

STRONG = "0123456789abcdefghijklmnopqrstuv"
BASE: dict[str, Any] = {
    "environment": Environment.PRODUCTION,
    "database_url": "postgresql://u:p@127.0.0.1/db",
    "redis_url": "redis://127.0.0.1",
    "jwt_secret": STRONG,
    "yclients_partner_token": "yusw3yeu6hrr4r9j3gw6",
    "encryption_keys": STRONG,
    "public_url": "https://connect.example.com",
}


def make(**changes: Any) -> ApiSettings:
    return ApiSettings(**{**BASE, **changes})


def test_a_partner_token_as_yclients_makes_them_is_strong_enough() -> None:
    assert make().production


@pytest.mark.parametrize(
    "name", ["jwt_secret", "yclients_partner_token", "encryption_keys", "public_url"]
)
def test_production_insists_on_what_it_needs(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name.upper()} is missing"):
        make(**{name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jwt_secret", "a" * 40),
        ("jwt_secret", "0123456789abcdef"),
        ("yclients_partner_token", "short"),
        ("health_check_token", "short"),
        ("encryption_keys", f"{STRONG},short"),
    ],
)
def test_production_refuses_a_weak_secret(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=f"{name.upper()} is too weak") as refused:
        make(**{name: value})
    assert value not in str(refused.value.errors()[0]["msg"])


@pytest.mark.parametrize("name", ["jwt_secret", "yclients_partner_token"])
def test_elsewhere_secrets_may_be_absent_and_are_reported(name: str) -> None:
    settings = make(environment=Environment.DEVELOPMENT, **{name: ""})

    assert settings.missing == [name.upper(), "YCLIENTS_APP_ID"]


def test_lists_are_written_with_commas() -> None:
    settings = make(cors_origins="https://a.example, https://b.example:8443,", frame_ancestors="")

    assert settings.cors_origins == ("https://a.example", "https://b.example:8443")
    assert settings.frame_ancestors == ()


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("yclients_url", "api.yclients.com", "origin such as https://api.yclients.com"),
        ("yclients_url", "https://api.yclients.com/api/v1", "origin"),
        ("yclients_marketplace_url", "ftp://app.alteg.io", "origin"),
        ("yclients_url", "http://api.yclients.com", "must be https://"),
        ("public_url", "http://connect.example.com", "PUBLIC_URL must be https://"),
        ("yclients_url", "", "YCLIENTS_URL is missing"),
        ("yclients_accept", "", "header such as"),
        ("yclients_accept", "a/b\r\nHost: x", "header such as"),
        ("yclients_partner_token", "токен с пробелами и буквами", "without spaces"),
        ("yclients_ca_bundle", "/nowhere.pem", "file of certificates"),
        ("yclients_ca_bundle", __file__, "file of certificates"),
    ],
)
def test_where_yclients_is_must_make_sense(name: str, value: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint) as refused:
        make(**{name: value})
    assert len(refused.value.errors()) == 1


def test_the_marketplace_is_where_the_rest_is_unless_it_is_told() -> None:
    apart = make(
        yclients_url="https://api.alteg.io/", yclients_marketplace_url="https://app.alteg.io"
    )

    assert make().marketplace_url == "https://api.yclients.com"
    assert (apart.yclients_url, apart.marketplace_url) == (
        "https://api.alteg.io",
        "https://app.alteg.io",
    )


@pytest.mark.parametrize("origin", ["*", "a.example", "https://a.example/", "javascript:1", "null"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match="origins"):
        make(cors_origins=origin)


@pytest.mark.parametrize("source", ["https://a; script-src *", "'self'\n"])
def test_a_frame_ancestor_cannot_end_its_directive(source: str) -> None:
    if source.endswith("\n"):
        source = "a b"
    with pytest.raises(ValidationError, match="CSP host sources"):
        make(frame_ancestors=source)


def test_no_secret_is_shown_by_the_settings_themselves() -> None:
    assert STRONG not in repr(make())
    assert "yusw3" not in repr(make())
