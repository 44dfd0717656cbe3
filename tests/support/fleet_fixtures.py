"""Fixtures for tests with a fleet of WhatsApp processes over a dozen linked salons."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.fleet import Fleet, open_fleet
from tests.support.fleet_ground import Ground, open_ground

SALONS = 12


@pytest.fixture(scope="session")
def fleet_ground() -> Iterator[Ground]:
    """Servers that such tests may stop, and salons that are linked; `fleet` has it as new."""
    with open_ground(SALONS) as ground:
        yield ground


@pytest.fixture
async def fleet(fleet_ground: Ground) -> AsyncIterator[Fleet]:
    """No process runs yet. Afterwards nothing they said was without an answer."""
    async with open_fleet(fleet_ground, LINKER_SPARES="0") as fleet:
        yield fleet
        assert await fleet.phones.unknown_stanzas() == []
