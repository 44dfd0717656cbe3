"""Connections to Postgres that the library leaves open, without a pooler between."""

import pytest

from shared.company_id import SessionId
from tests.acceptance.conftest import WhatsApp
from tests.support.pgbouncer import server_connections
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)

OUR_OWN = "whatsapp-service"


async def test_straight_to_postgres_what_the_library_leaves_open_is_closed(
    idle_whatsapp: WhatsApp, database_url: str
) -> None:
    """Each opening leaves two connections; afterwards the library does with new ones."""
    salon, number = SessionId("company_1001"), "79990000001"
    quickly = f"{database_url}&idle_session_timeout=1500"
    process = idle_whatsapp.start(WHATSAPP_STORE_URL=quickly)
    await idle_whatsapp.link_by_qr(salon, number)
    for _ in range(3):
        for ask in (idle_whatsapp.bus.freeze, idle_whatsapp.bus.thaw):
            await idle_whatsapp.bus.obeyed(ask, salon)
        await _connected(idle_whatsapp, salon)

    await wait_until(lambda: _left_open(database_url) == 0, 30, "all of them are closed")

    before = (await idle_whatsapp.phones.stats()).logins
    await idle_whatsapp.phones.drop(number)
    await wait_until(lambda: _logged_in(idle_whatsapp, before + 1), 30, "another login")
    await _connected(idle_whatsapp, salon)
    assert process.terminate() == 0


def _left_open(database_url: str) -> int:
    return sum(not name.startswith(OUR_OWN) for name in server_connections(database_url))


async def _connected(whatsapp: WhatsApp, salon: SessionId) -> None:
    async def connected() -> bool:
        snapshot = (await whatsapp.bus.present_state(salon)).snapshot
        return snapshot is not None and snapshot.connected

    await wait_until(connected, 30, "it is connected")


async def _logged_in(whatsapp: WhatsApp, logins: int) -> bool:
    return (await whatsapp.phones.stats()).logins >= logins
