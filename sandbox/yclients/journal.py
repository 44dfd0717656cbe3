"""What was asked of this YClients, and what it answered; secrets are not written down."""

import time
from collections import deque
from typing import Any, Final

from pydantic import BaseModel

KEPT: Final = 5_000
_SECRET: Final = frozenset({"api_key", "partner_token"})


class Entry(BaseModel):
    """``status``: of the answer; 0 while there is none, or when the connection was reset."""

    number: int
    at: float
    method: str
    path: str
    operation: str | None
    salon_id: int | None
    body: Any = None
    quirk: str | None = None
    status: int = 0


class Journal:
    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._count = 0

    def note(
        self, method: str, path: str, operation: str | None, salon_id: int | None, body: Any
    ) -> Entry:
        self._count += 1
        entry = Entry(
            number=self._count,
            at=time.time(),
            method=method,
            path=path,
            operation=operation,
            salon_id=salon_id,
            body=_masked(body),
        )
        self._entries.append(entry)
        return entry

    def all(self, operation: str | None = None, salon_id: int | None = None) -> list[Entry]:
        return [
            entry
            for entry in self._entries
            if operation in (None, entry.operation) and salon_id in (None, entry.salon_id)
        ]

    def clear(self) -> None:
        self._entries.clear()


def _masked(body: Any) -> Any:
    """Hooks hold a secret as the last part of their path."""
    if not isinstance(body, dict):
        return body
    return {
        name: "***"
        if name in _SECRET
        else [f"{str(url).rpartition('/')[0]}/***" for url in value]
        if name == "webhook_urls" and isinstance(value, list)
        else value
        for name, value in body.items()
    }
