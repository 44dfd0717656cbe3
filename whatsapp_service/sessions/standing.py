"""What keeps a linked session closed, over a restart and a thaw: a ban, or another holder."""

import time
from dataclasses import dataclass
from typing import Final

from shared.endings import ENDINGS, Retry
from shared.failures import known_reason
from shared.messages.status import Reason
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.sessions.state import Ended
from whatsapp_service.store.sessions import StoredSession

_HOLDS: Final = frozenset({Retry.NEVER, Retry.BAN_ENDS})
"""Whatever else ended is tried at once when there is a new reason to."""


@dataclass(frozen=True, slots=True)
class Standing:
    """``until``: seconds since the epoch; None is for good."""

    reason: Reason
    until: float | None

    @classmethod
    def of(cls, reason: Reason, lasts_s: float | None) -> "Standing | None":
        ending = ENDINGS[reason]
        if not ending.keeps_device or ending.retry not in _HOLDS:
            return None
        return cls(reason, None if lasts_s is None else time.time() + lasts_s)

    @classmethod
    def stored(cls, row: StoredSession) -> "Standing | None":
        """As an earlier life of the session has left it."""
        reason = known_reason(row.reason)
        if reason not in ENDINGS:
            return None
        return cls.of(reason, row.retry_in_s)

    @property
    def left_s(self) -> float | None:
        """None is for good."""
        return None if self.until is None else max(0.0, self.until - time.time())

    @property
    def over(self) -> bool:
        return self.left_s == 0

    def ended(self, device: DeviceJid) -> Ended:
        return ended(self.reason, self.until, device)


def ended(reason: Reason, until: float | None, device: DeviceJid | None) -> Ended:
    """``until``: seconds since the epoch, when it is tried again by itself."""
    retry_at = None if until is None else round(until * 1000)
    return Ended(ENDINGS[reason].status, reason, retry_at, device.phone if device else None)
