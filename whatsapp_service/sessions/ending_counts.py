"""Counts how connections end."""

from prometheus_client import Counter

from shared.endings import ENDINGS
from whatsapp_service.sessions.state import State

_endings = Counter("session_endings_total", "Connections that ended, by reason", ["reason"])


def count_ending(before: State, after: State) -> None:
    """A linked salon's: neither a link attempt that fails, nor a refusal that is tried again."""
    ending = ENDINGS.get(after.reason) if after.reason else None
    if ending is None or (before.status, before.reason) == (after.status, after.reason):
        return
    if after.status is ending.status:
        _endings.labels(reason=ending.reason).inc()
