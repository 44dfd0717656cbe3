"""Fixtures: a YClients that answers as it is told."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.scripted_yclients import ScriptedYclients, scripted_yclients


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def yclients() -> AsyncIterator[ScriptedYclients]:
    async with scripted_yclients() as scripted:
        yield scripted
