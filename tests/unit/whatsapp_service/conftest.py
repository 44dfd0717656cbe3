"""A session on a stage, with the real gateway or a scripted one, for each test that asks for it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.scripted_lines import ScriptedGateway
from tests.support.session_stage import Stage, running_stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with running_stage() as stage:
        yield stage


@pytest.fixture
def gateway() -> ScriptedGateway:
    return ScriptedGateway()


@pytest.fixture
async def scripted(gateway: ScriptedGateway) -> AsyncIterator[Stage]:
    async with running_stage(gateway) as stage:
        yield stage
