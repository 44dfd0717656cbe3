"""Fixtures: a running API over real Postgres and Redis, and the other side of its bus."""

from collections.abc import AsyncIterator

import pytest

from api_service.settings import ApiSettings
from tests.support.api import RunningApi, api_settings, running_api
from tests.support.whatsapp_side import WhatsAppSide, whatsapp_side


@pytest.fixture
def settings(database_url: str, redis_url: str) -> ApiSettings:
    return api_settings(database_url, redis_url)


@pytest.fixture
async def api(settings: ApiSettings) -> AsyncIterator[RunningApi]:
    async with running_api(settings) as running:
        yield running


@pytest.fixture
async def whatsapp(redis_url: str) -> AsyncIterator[WhatsAppSide]:
    async with whatsapp_side(redis_url) as side:
        yield side
