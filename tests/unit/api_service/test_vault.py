"""Secrets at rest: what is sealed, by which keys it opens, how keys are changed."""

import pytest
from pydantic import SecretStr

from api_service.core.vault import Vault
from shared.errors import AppError, ErrorCode

OLD = SecretStr("old-0123456789-abcdefghij-klmnopqrst")
NEW = SecretStr("new-0123456789-abcdefghij-klmnopqrst")


def test_what_is_sealed_opens_and_does_not_show() -> None:
    vault = Vault([OLD])

    sealed = vault.seal("the key")

    assert vault.open(sealed) == "the key"
    assert "the key" not in sealed
    assert vault.seal("the key") != sealed


def test_a_foreign_or_changed_text_does_not_open() -> None:
    sealed = Vault([OLD]).seal("the key")

    assert Vault([NEW]).open(sealed) is None
    assert Vault([OLD]).open(sealed[:-2] + "AA") is None
    assert Vault([OLD]).open("plain text") is None


def test_keys_are_changed_without_losing_anything() -> None:
    sealed = Vault([OLD]).seal("the key")
    both = Vault([NEW, OLD])

    resealed = both.reseal(sealed)

    assert both.open(sealed) == "the key"
    assert resealed is not None
    assert Vault([NEW]).open(resealed) == "the key"
    assert Vault([NEW]).reseal(sealed) is None


def test_without_a_key_nothing_is_stored() -> None:
    with pytest.raises(AppError) as refused:
        Vault([]).seal("the key")

    assert refused.value.code is ErrorCode.NOT_CONFIGURED
