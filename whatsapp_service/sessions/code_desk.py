"""The pairing code of one session: one request at a time, one live code."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.clock import Milliseconds, now_ms
from shared.errors import ErrorCode
from shared.messages.commands import RequestPairingCode
from shared.messages.snapshot import LiveCode
from shared.phone import PhoneNumber
from whatsapp_service.sessions.voice import SHOWN_CODE_S

Answer = Callable[[RequestPairingCode, ErrorCode | None], None]


@dataclass(slots=True)
class Pending:
    """A code that is being made, and everybody who waits for it."""

    phone: PhoneNumber
    request: int
    waiting: list[tuple[RequestPairingCode, asyncio.Future[None]]] = field(default_factory=list)


class CodeDesk:
    """Pure bookkeeping; the session acts on what it says."""

    def __init__(self) -> None:
        self.pending: Pending | None = None
        self._live: LiveCode | None = None

    @property
    def live(self) -> LiveCode | None:
        """The code that a page may still show, None when it has expired."""
        if self._live is not None and self._live.expires_at <= now_ms():
            self._live = None
        return self._live

    def live_for(self, phone: PhoneNumber) -> LiveCode | None:
        live = self.live
        return live if live is not None and live.phone_number == phone else None

    def await_code(self, phone: PhoneNumber, request: int) -> Pending:
        """A code that nobody waits for yet."""
        self.pending = Pending(phone, request)
        return self.pending

    def given(self, code: str) -> tuple[LiveCode, Pending] | None:
        """The new live code and who waited for it; None when nobody does any more."""
        pending, self.pending = self.pending, None
        if pending is None:
            return None
        self._live = LiveCode(
            code=code,
            phone_number=pending.phone,
            expires_at=Milliseconds(now_ms() + SHOWN_CODE_S * 1000),
        )
        return self._live, pending

    def take_pending(self) -> Pending | None:
        """Whoever waited will be answered by the caller."""
        pending, self.pending = self.pending, None
        return pending

    def clear(self) -> None:
        self._live = None


REFUSALS: Final = {True: ErrorCode.BAILEYS_ERROR, False: ErrorCode.PAIRING_CODE_FAILED}
"""By whether WhatsApp itself answered with an error."""
