"""Trouble on demand: what the network does wrong, to whom, and how often."""

import asyncio
from enum import StrEnum
from itertools import count
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox.whatsapp_network.errors import Code, NetworkError


class FaultKind(StrEnum):
    """`REFUSED`, `BANNED`, `OUTDATED`, `DROPPED` meet the next logins; the rest lasts.

    `FLAPPING`: a login works, and its connection is reset `delay_s` later.

    `HELD`: what the network says waits until the fault is cleared, so that time stands still at
    a step, such as a login that is not answered yet.

    `SWALLOWED`, `PINGS_ONLY`, `GONE` meet the connections that are open when they are switched on,
    and no later one: a line that has gone dark while the network is well (`silence.py`).
    """

    REFUSED = "refused"
    BANNED = "banned"
    OUTDATED = "outdated"
    DROPPED = "dropped"
    BAD_PAIRING = "bad_pairing"
    SLOW = "slow"
    HELD = "held"
    MUTE = "mute"
    SWALLOWED = "swallowed"
    PINGS_ONLY = "pings_only"
    GONE = "gone"
    UNREACHABLE = "unreachable"
    FLAPPING = "flapping"


SILENT_LINES = frozenset({FaultKind.SWALLOWED, FaultKind.PINGS_ONLY, FaultKind.GONE})
LASTING = SILENT_LINES | {
    FaultKind.SLOW,
    FaultKind.HELD,
    FaultKind.MUTE,
    FaultKind.UNREACHABLE,
    FaultKind.FLAPPING,
}
AT_LOGIN = frozenset({FaultKind.REFUSED, FaultKind.BANNED, FaultKind.OUTDATED, FaultKind.DROPPED})
REFUSAL_REASONS = frozenset({400, 401, 403, 406, 409, 413, 414, 415, 418, 500, 501, 503})


class FaultSpec(BaseModel):
    """A fault as asked for: for one number or for everybody, `times` times or until cleared.

    A line goes dark for one `device` of a number, or for all.

    A client that is not linked yet has no number: only a fault for everybody meets it.
    """

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    number: Annotated[str, Field(pattern=r"^\d{10,15}$")] | None = None
    device: Annotated[int, Field(ge=1)] | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    reason: int = 503
    expire_s: Annotated[int, Field(ge=0)] = 3600
    delay_s: Annotated[float, Field(ge=0, le=60)] = 1.0

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind is FaultKind.REFUSED and self.reason not in REFUSAL_REASONS:
            raise ValueError(f"reason is one of {sorted(REFUSAL_REASONS)}")
        if self.kind in LASTING and self.times is not None:
            raise ValueError(f"{self.kind} lasts until it is cleared")
        if self.device is not None and (self.kind not in SILENT_LINES or self.number is None):
            raise ValueError("device belongs to a number, and to a line that goes dark")
        if self.kind is FaultKind.UNREACHABLE and self.number is not None:
            raise ValueError("unreachable is for everybody")
        return self


class Fault(FaultSpec):
    id: int


class Faults:
    """The faults switched on now, in the order they came."""

    def __init__(self) -> None:
        self._ids = count(1)
        self.newest_id = 0
        self._faults: dict[int, Fault] = {}
        self._fewer = asyncio.Event()

    def add(self, spec: FaultSpec) -> Fault:
        self.newest_id = next(self._ids)
        fault = Fault(id=self.newest_id, **spec.model_dump())
        self._faults[fault.id] = fault
        return fault

    def current(self) -> list[Fault]:
        return list(self._faults.values())

    def remove(self, fault_id: int) -> None:
        if self._faults.pop(fault_id, None) is None:
            raise NetworkError(Code.FAULT_UNKNOWN, "Такой неисправности нет")
        self._release()

    def clear(self) -> None:
        self._faults.clear()
        self._release()

    async def released(self, number: str | None) -> None:
        """Return when nothing that is said to this number is held."""
        while self.active(FaultKind.HELD, number):
            await self._fewer.wait()

    def _release(self) -> None:
        self._fewer.set()
        self._fewer = asyncio.Event()

    def active(self, kind: FaultKind, number: str | None) -> Fault | None:
        """Return a lasting fault that concerns this number."""
        return next((fault for fault in self._meeting(number) if fault.kind is kind), None)

    def silence(self, number: str | None, device: int | None, newer_than: int) -> Fault | None:
        """Return what has darkened a line that was open when fault `newer_than` was the newest."""
        return next(
            (
                fault
                for fault in self._meeting(number)
                if fault.kind in SILENT_LINES
                and fault.id > newer_than
                and fault.device in (None, device)
            ),
            None,
        )

    def take(self, kinds: frozenset[FaultKind], number: str | None) -> Fault | None:
        """Return the first fault of these kinds for this number and use it up once."""
        fault = next((fault for fault in self._meeting(number) if fault.kind in kinds), None)
        if fault and fault.times is not None:
            self._use_once(fault, fault.times)
        return fault

    def _use_once(self, fault: Fault, times: int) -> None:
        if times > 1:
            self._faults[fault.id] = fault.model_copy(update={"times": times - 1})
        else:
            del self._faults[fault.id]

    def _meeting(self, number: str | None) -> list[Fault]:
        return [fault for fault in self._faults.values() if fault.number in (None, number)]
