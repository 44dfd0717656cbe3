"""What the real service was seen or documented to do wrong, switched on by whoever tests."""

import asyncio
import contextlib
import itertools
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, Field

from sandbox.yclients.operations import Operation

__all__ = ["Operation", "Quirk", "QuirkKind", "Quirks"]

HELD_S: Final = 120.0


class QuirkKind(StrEnum):
    REDIRECT_HTML = "redirect_html"
    """301 with a page."""
    HTML = "html"
    """200 with a page (O)."""
    APPLICATION_UNKNOWN = "application_unknown"
    """400 «Агрегатор не найден» (O)."""
    ALREADY_INSTALLED = "already_installed"
    """403 «Пользователь уже установил это приложение.» (O)."""
    NOT_INSTALLED = "not_installed"
    """404 (D1)."""
    INVALID = "invalid"
    """422 with `meta.errors` (D1)."""
    TOO_MANY = "too_many"
    """429 without Retry-After (D1)."""
    SERVER_ERROR = "server_error"
    """500."""
    BAD_GATEWAY = "bad_gateway"
    """502 with a page."""
    UNAVAILABLE = "unavailable"
    """503."""
    SUCCESS_FALSE = "success_false"
    """200 with `success: false` (O)."""
    SECOND_ENVELOPE = "second_envelope"
    """401 in the other shape of errors (D1)."""
    HANG = "hang"
    """No answer for `HANG_S`."""
    RESET = "reset"
    """The connection is reset after the request was read."""
    LATENCY = "latency"
    """The right answer, `latency_ms` late."""
    HELD = "held"
    """Carried out when quirks are switched off, or after `HELD_S`: the caller may have gone."""


class Quirk(BaseModel):
    """``times``: how often it strikes, None for always. ``salon_id``, ``operation``: None for any.

    ``applied``: what was asked for is done all the same, before the wrong answer.
    """

    kind: QuirkKind
    operation: Operation | None = None
    salon_id: int | None = None
    times: int | None = Field(default=1, ge=1)
    applied: bool = False
    latency_ms: int = Field(default=0, ge=0, le=60_000)
    id: int = 0
    struck: int = 0

    def concerns(self, operation: Operation, salon_id: int | None) -> bool:
        return self.operation in (None, operation) and self.salon_id in (None, salon_id)


class Quirks:
    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._on: dict[int, Quirk] = {}
        self._cleared = asyncio.Event()

    def add(self, quirk: Quirk) -> Quirk:
        added = quirk.model_copy(update={"id": next(self._ids), "struck": 0})
        self._on[added.id] = added
        return added

    def remove(self, quirk_id: int) -> bool:
        return self._on.pop(quirk_id, None) is not None

    def clear(self) -> None:
        self._on.clear()
        self._cleared.set()
        self._cleared = asyncio.Event()

    async def cleared(self) -> None:
        """All of them are switched off; in `HELD_S` at the latest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HELD_S):
                await self._cleared.wait()

    def all(self) -> list[Quirk]:
        return list(self._on.values())

    def strike(self, operation: Operation, salon_id: int | None) -> Quirk | None:
        """The oldest that concerns this call; one that has struck often enough is gone."""
        for quirk in self._on.values():
            if quirk.concerns(operation, salon_id):
                quirk.struck += 1
                if quirk.times is not None and quirk.struck >= quirk.times:
                    del self._on[quirk.id]
                return quirk
        return None
