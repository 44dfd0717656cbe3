"""A session on a stage, for each test that asks for it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.session_stage import Stage, running_stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with running_stage() as stage:
        yield stage
