"""Fixtures: a network within the test's own event loop, its clock in the test's hand."""

import socket
from collections.abc import AsyncIterator

import pytest

from sandbox.whatsapp_network.chat_server import listen
from sandbox.whatsapp_network.control_client import ControlClient
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.service import Options, Service, run_service
from sandbox.whatsapp_network.state_file import State
from tests.support.whatsapp_companion import CompanionClient
from tests.support.whatsapp_in_process import NUMBER, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def network(clock: Clock) -> Network:
    """A network with one phone and nothing linked."""
    network = Network(State(), clock_s=clock)
    network.settings.close_delay_s = 0
    network.ensure_account(NUMBER, "Салон")
    return network


@pytest.fixture
async def port(network: Network) -> AsyncIterator[int]:
    """The port the network listens on."""
    listener = socket.create_server(("127.0.0.1", 0))
    async with listen(network, listener):
        yield listener.getsockname()[1]


@pytest.fixture
def companion(port: int) -> CompanionClient:
    return CompanionClient(port)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A whole network with its control API."""
    async with run_service(Options()) as service:
        service.network.settings.close_delay_s = 0
        yield service


@pytest.fixture
async def control(service: Service) -> AsyncIterator[ControlClient]:
    async with ControlClient(service.control_url) as control:
        yield control
