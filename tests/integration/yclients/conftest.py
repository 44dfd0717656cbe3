"""Fixtures: a YClients that answers as it is told, and the one in the box."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import pytest_asyncio

from api_service.yclients.client import Yclients
from sandbox.services.loopback import NOBODY
from sandbox.yclients.control_client import YclientsControl
from tests.support.callback_receiver import Receiver, receiving
from tests.support.salon_desk import PARTNER, SALON, SALONS, USER, Desk
from tests.support.scripted_yclients import ScriptedYclients, scripted_yclients
from tests.support.yclients import running_yclients, yclients_process
from tests.support.yclients_parts import client_at


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def yclients() -> AsyncIterator[ScriptedYclients]:
    async with scripted_yclients() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def box_url(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with yclients_process(receiver.url, tmp_path_factory.mktemp("box") / "log") as url:
        yield url


@pytest.fixture
async def box(box_url: str, receiver: Receiver) -> AsyncIterator[YclientsControl]:
    """What an earlier test's salon still has to say may come later: each looks at its own."""
    async with YclientsControl(box_url) as control:
        await control.reset()
        receiver.got.clear()
        yield control


@pytest.fixture
async def client(box_url: str) -> AsyncIterator[Yclients]:
    async with client_at(box_url) as bench:
        yield bench.client


@pytest.fixture
async def salon(box: YclientsControl, request: pytest.FixtureRequest) -> int:
    """A salon of this test's own, waiting for its connection."""
    salon_id = 1 + abs(hash(request.node.nodeid)) % 1_000_000_000
    await box.add_salon(salon_id, "Салон «Проба»")
    await box.connect(salon_id)
    return salon_id


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """Where the desk's news go: nothing of another test ever comes here."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
async def desk(hook: Receiver) -> AsyncIterator[Desk]:
    async with (
        running_yclients(salons=SALONS) as box,
        httpx2.AsyncClient(base_url=box.url, headers=PARTNER, verify=NOBODY) as partner,
        httpx2.AsyncClient(base_url=box.url, headers=USER, verify=NOBODY) as user,
    ):
        url = f"{hook.url}/hook/secret"
        desk = Desk(box, partner, user, await box.control.catalogue(SALON), url)
        desk.activate()
        yield desk
