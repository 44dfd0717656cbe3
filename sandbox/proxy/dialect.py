"""What the two dialects share: who asks, where to, and why not."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Target:
    host: str
    port: int


class Refusal(StrEnum):
    CREDENTIALS = "credentials"
    FORBIDDEN = "forbidden"
    UPSTREAM = "upstream"


class RefusedError(Exception):
    """The client does not get through; the dialect tells it in its own words."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Gate:
    """Both raise RefusedError. ``check`` is given None when no credentials were shown."""

    check: Callable[[Credentials | None], None]
    dial: Callable[[Target], Awaitable[Stream]]
    wants_credentials: bool
