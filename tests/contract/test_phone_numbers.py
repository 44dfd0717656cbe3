"""The server and the page read phone numbers alike: one table, two test suites."""

import json
from pathlib import Path

import pytest

from shared.errors import AppError
from shared.phone import parse_phone

CASES = json.loads(Path(__file__).with_name("phone_numbers.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["input"])
def test_typed_number_is_normalised_or_refused(case: dict[str, str | None]) -> None:
    if case["expected"] is None:
        with pytest.raises(AppError):
            parse_phone(case["input"])
    else:
        assert parse_phone(case["input"]) == case["expected"]
