"""Salon and session ids: one canonical form, everything else refused."""

import pytest

from shared.company_id import (
    SalonId,
    parse_salon_id,
    parse_session_id,
    salon_id_of,
    session_id_of,
)
from shared.errors import AppError, ErrorCode


def test_a_salon_and_its_session_name_each_other() -> None:
    session_id = session_id_of(SalonId(1001))

    assert session_id == "company_1001"
    assert parse_session_id(session_id) == session_id
    assert salon_id_of(session_id) == 1001


@pytest.mark.parametrize("value", ["1", 1, "999999999999999", 1001])
def test_salon_ids(value: object) -> None:
    assert parse_salon_id(value) == int(str(value))


@pytest.mark.parametrize(
    "value",
    [None, "", "0", 0, -1, "-1", "+1", "01", "1.0", 1.0, "1 ", "1e3", "١", "1" * 16, True, [], {}],
)
def test_what_is_no_salon_id(value: object) -> None:
    with pytest.raises(AppError) as refused:
        parse_salon_id(value)

    assert refused.value.code is ErrorCode.INVALID_SALON_ID


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "1001",
        "company_",
        "company_0",
        "company_01",
        "company_1001\n",
        "COMPANY_1001",
        "company_-1",
        "company_1001:34",
        "../company_1001",
        "company_" + "1" * 16,
        "company_١",
        "x" * 10_000,
        1001,
    ],
)
def test_what_is_no_session_id(value: object) -> None:
    with pytest.raises(AppError) as refused:
        parse_session_id(value)

    assert refused.value.code is ErrorCode.INVALID_SESSION_ID
