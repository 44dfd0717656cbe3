"""Counts how connections end."""

from prometheus_client import Counter

from shared.endings import ENDINGS
from shared.messages.status import SessionStatus
from whatsapp_service.sessions.state import State

_endings = Counter("session_endings_total", "Connections that ended, by reason", ["reason"])


def count_ending(before: State, after: State) -> None:
    """A linked salon's; a link attempt that fails is none."""
    ending = ENDINGS.get(after.reason) if after.reason else None
    if ending is None or (before.status, before.reason) == (after.status, after.reason):
        return
    if after.status in {ending.status, SessionStatus.RECONNECTING}:
        _endings.labels(reason=ending.reason).inc()
