"""The WhatsApp network within a test's own event loop, its clock in the test's hand."""

import asyncio
from dataclasses import dataclass
from typing import Final

from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.phone import Phone
from tests.support.whatsapp_companion import CompanionClient

NUMBER: Final = "79990000001"


@dataclass
class Clock:
    """Stands still unless a test moves it."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


def phone_of(network: Network, number: str = NUMBER) -> Phone:
    return Phone(network, network.account(number))


async def link(network: Network, companion: CompanionClient) -> None:
    """Link the companion to the phone by QR, as device 1."""
    async with companion.offer() as (session, qrs), asyncio.TaskGroup() as group:
        group.create_task(phone_of(network).scan(qrs[0]))
        await companion.accept(session)
