"""A YClients client whose answers a test has written down."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from api_service.yclients.errors import AmbiguousError, YclientsError
from api_service.yclients.models import ConnectedSalon, SalonConnection
from shared.company_id import SalonId

T = TypeVar("T")

AWAY: Final = AmbiguousError("server_error")


def connection(status: str) -> SalonConnection:
    return SalonConnection.model_validate({"connection_status": {"status": status}})


@dataclass
class SalonsThere:
    """What YClients says of each salon, or what asking it raises.

    ``listed`` None: it does not list them.
    """

    said: dict[int, str | Exception]
    listed: list[int] | None = None
    asked: list[int] = field(default_factory=list)
    hold: asyncio.Event | None = None

    async def connection(
        self,
        salon_id: int,
        *,
        timeout_s: float | None = None,  # noqa: ARG002 - answers at once
        background: bool = False,
    ) -> SalonConnection:
        assert background
        self.asked.append(salon_id)
        if self.hold is not None:
            await self.hold.wait()
        answer = self.said[salon_id]
        if isinstance(answer, Exception):
            raise answer
        return connection(answer)

    async def connected_salons(
        self,
        page: int,
        count: int,
        *,
        background: bool = True,
    ) -> list[ConnectedSalon]:
        assert background
        if self.listed is None:
            raise AWAY
        there = self.listed[(page - 1) * count : page * count]
        return [ConnectedSalon(id=salon_id) for salon_id in there]


@dataclass
class AnsweringYclients:
    """Each call takes the next answer; the last one of a script stays."""

    calls: list[YclientsError | None] = field(default_factory=lambda: [None])
    statuses: list[str | YclientsError] = field(default_factory=lambda: ["active"])
    activated: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    salons: list[SalonId] = field(default_factory=list)
    asked: int = 0
    hold: asyncio.Event | None = None
    """When there is one, activations wait for it."""

    async def activate(
        self,
        salon_id: SalonId,
        api_key: str,
        webhook_urls: Sequence[str],
        *,
        may_leave: Callable[[], bool],
    ) -> None:
        assert may_leave()
        self.salons.append(salon_id)
        self.activated.append((api_key, tuple(webhook_urls)))
        if self.hold is not None:
            await self.hold.wait()
        if (answer := _next(self.calls)) is not None:
            raise answer

    async def connection(
        self,
        salon_id: SalonId,  # noqa: ARG002 - all alike
        *,
        timeout_s: float | None = None,  # noqa: ARG002 - answers at once
        background: bool = False,  # noqa: ARG002 - as above
    ) -> SalonConnection:
        self.asked += 1
        answer = _next(self.statuses)
        if isinstance(answer, YclientsError):
            raise answer
        return connection(answer)


def _next(script: list[T]) -> T:
    return script.pop(0) if len(script) > 1 else script[0]
