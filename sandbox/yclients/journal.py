"""What was asked of this YClients, and what it answered; secrets are not written down."""

import json
import time
from collections import deque
from typing import Any, Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

KEPT: Final = 5_000
_SECRET: Final = frozenset({"api_key", "partner_token", "record_hash", "code"})
_HIDDEN: Final = "***"


class Entry(BaseModel):
    """``status``: of the answer; 0 while there is none, or when the connection was reset.

    ``said``: the answer's message, when it had one. ``operation``: None for a path that is not
    there.
    """

    number: int
    at: float
    method: str
    path: str
    operation: str | None
    salon_id: int | None
    query: dict[str, Any] = {}
    body: Any = None
    quirk: str | None = None
    status: int = 0
    said: str | None = None


class Journal:
    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._count = 0

    def note(
        self,
        request: Request,
        operation: str | None = None,
        salon_id: int | None = None,
        query: dict[str, Any] | None = None,
        body: Any = None,
    ) -> Entry:
        self._count += 1
        entry = Entry(
            number=self._count,
            at=time.time(),
            method=request.method,
            path=_path(request),
            operation=operation,
            salon_id=salon_id,
            query=query or {},
            body=_masked(body),
        )
        self._entries.append(entry)
        return entry

    def answered(self, entry: Entry, answer: Response | None) -> None:
        """None: it was reset."""
        if answer is None:
            return
        entry.status = answer.status_code
        if isinstance(answer, JSONResponse):
            entry.said = _message(bytes(answer.body))

    def all(
        self, operation: str | None = None, salon_id: int | None = None, after: int = 0
    ) -> list[Entry]:
        """Those with a greater number than ``after``, in order."""
        return [
            entry
            for entry in self._entries
            if entry.number > after
            and operation in (None, entry.operation)
            and salon_id in (None, entry.salon_id)
        ]

    def clear(self) -> None:
        self._entries.clear()


def _path(request: Request) -> str:
    """A record's hash stands in the path."""
    secret = request.path_params.get("record_hash")
    return request.url.path.replace(secret, _HIDDEN) if secret else request.url.path


def _message(body: bytes) -> str | None:
    meta = json.loads(body).get("meta")
    message = meta.get("message") if isinstance(meta, dict) else None
    return str(message) if message is not None else None


def _masked(body: Any) -> Any:
    """Hooks hold a secret as the last part of their path."""
    if not isinstance(body, dict):
        return body
    return {
        name: _HIDDEN
        if name in _SECRET
        else [f"{str(url).rpartition('/')[0]}/{_HIDDEN}" for url in value]
        if name == "webhook_urls" and isinstance(value, list)
        else value
        for name, value in body.items()
    }
