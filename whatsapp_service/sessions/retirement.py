"""A process ends itself, in good order, before what its closed clients have left fills it.

For every client the library makes a pool of connections to Postgres, which nothing closes again: up
to two descriptors and about 30 KB stay with the process. No call of neonize 0.5.2 opens a client a
second time, shares a pool or ends one (its goneonize/main.go makes them in `Neonize`, and `Stop`
forgets the client alone), and a descriptor that is closed behind Go's back would soon be somebody
else's. So the process hands its salons over as for a deploy, and its next life begins with nothing.
"""

import asyncio
import random
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

import structlog
from prometheus_client import Gauge

from shared.lifecycle import raise_if_cancelled
from whatsapp_service.gateway.linked_client import Gateway
from whatsapp_service.owners.lease import LEASE_S, Lease, Peers
from whatsapp_service.store.directory import StoreUnavailableError
from whatsapp_service.store.registry import Registry

_log = structlog.get_logger(__name__)
_left_behind = Gauge(
    "clients_left_behind", "Closed clients whose connections to Postgres the library keeps"
)
_allowed = Gauge("clients_left_behind_limit", "So many of them end this process")

DESCRIPTORS_EACH: Final = 2
SHARE: Final = 4
"""What is left behind may take a quarter of the descriptors before the process looks for an heir,
and half of them before it goes without."""
JITTER: Final = 0.2
"""Processes of one age close about as many clients: they are not to go at the same time."""
WITHOUT_HEIR: Final = 2


class Turn(Enum):
    LATER = auto()
    IF_GRANTED = auto()
    """Unless another has been granted it, or nobody could take our salons by now."""
    NOW = auto()


class Retirement:
    """``due`` is set when the process is to hand its salons over and end."""

    def __init__(self, lease: Lease, registry: Registry, gateway: Gateway, limit: int) -> None:
        self._lease = lease
        self._registry = registry
        self._gateway = gateway
        self._limit = limit
        self._answer_lost = False
        self.due = asyncio.Event()
        _left_behind.set_function(lambda: gateway.left_behind)
        _allowed.set(limit)

    async def run(self) -> None:
        """Returns when it is due."""
        while not await self._granted(peers := await self._lease.next_look()):
            raise_if_cancelled()
        _log.info(
            "process_retires",
            reason="closed_clients",
            left_behind=self._gateway.left_behind,
            limit=self._limit,
            heirs=len(peers.heirs),
        )
        self.due.set()

    async def _granted(self, peers: Peers) -> bool:
        if self._answer_lost and peers.me.draining:
            return True
        self._answer_lost = False
        heard = self._lease.others_hear_us
        turn = turn_of(self._gateway.left_behind, self._limit, peers, heard=heard)
        if turn is not Turn.IF_GRANTED:
            return turn is Turn.NOW
        try:
            return await self._registry.retire(self._lease.process_id, LEASE_S)
        except StoreUnavailableError:
            self._answer_lost = True
            return False


def turn_of(left_behind: int, limit: int, peers: Peers, *, heard: bool) -> Turn:
    """``heard``: what is handed over is opened at once. One that drains opens no more clients."""
    if left_behind < limit or peers.me.draining:
        return Turn.LATER
    if left_behind >= WITHOUT_HEIR * limit:
        return Turn.NOW
    return Turn.IF_GRANTED if peers.heirs and heard else Turn.LATER


def choose_limit(
    clients: int, descriptors: int | None, chance: Callable[[], float] = random.random
) -> int:
    """How many clients may be left behind: up to ``clients``, less as descriptors are few.

    ``descriptors``: how many the process may have open; None is any number.
    """
    most = clients if descriptors is None else descriptors // (SHARE * DESCRIPTORS_EACH)
    return max(1, round(min(clients, most) * (1 - JITTER * chance())))
