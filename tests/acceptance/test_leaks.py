"""Link attempts that come to nothing leave nothing behind, in either process or beside them."""

import pytest

from sandbox.services.ports import free_port
from tests.acceptance.conftest import WhatsApp
from tests.support.abandonment import ENVIRONMENT, one_round, warm_up
from tests.support.api import JWT_SECRET
from tests.support.holdings import SMALL_POOLS, System, settled

pytestmark = pytest.mark.timeout(600)

SETTLE_S = 150.0


@pytest.fixture
def system(idle_whatsapp: WhatsApp) -> System:
    """Both processes, with room for many attempts at once."""
    whatsapp = idle_whatsapp
    environment = {**ENVIRONMENT, **SMALL_POOLS}
    whatsapp.start(**environment)
    shared = {name: whatsapp.environment[name] for name in ("DATABASE_URL", "REDIS_URL")}
    port = str(free_port())
    api = whatsapp.start_process(
        "api_service",
        {
            **shared,
            **environment,
            "ENVIRONMENT": "test",
            "API_PORT": port,
            "JWT_SECRET": JWT_SECRET,
        },
    )
    api_url = f"http://127.0.0.1:{port}"
    api.wait_healthy(f"{api_url}/health")
    return System(
        api_url=api_url,
        api_pid=api.pid,
        whatsapp_url=whatsapp.url,
        whatsapp_pid=whatsapp.process.pid,
        redis_url=shared["REDIS_URL"],
        database_url=shared["DATABASE_URL"],
        phones=whatsapp.phones,
    )


async def test_fifty_attempts_abandoned_in_every_way_leave_nothing(system: System) -> None:
    await warm_up(system)
    before = await settled(system, None, SETTLE_S)

    await one_round(system)

    await settled(system, before, SETTLE_S)
