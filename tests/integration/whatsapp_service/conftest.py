"""A Postgres that is there answers, however slowly."""

import pytest

from whatsapp_service.store import directory


@pytest.fixture(autouse=True)
def _patient_with_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that take it away do so themselves."""
    monkeypatch.setattr(directory, "DEADLINE_S", 30.0)
