"""Sentry switched on for a test: what would have been sent is kept instead."""

import contextlib
from collections.abc import Iterator
from typing import Any

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from shared.observability import configure_sentry
from shared.settings import CommonSettings


class KeptEvents(Transport):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.events.append(envelope.get_event())


@contextlib.contextmanager
def sentry_events(component: str = "api") -> Iterator[list[Any]]:
    """The events, as they come."""
    settings = CommonSettings(
        database_url="postgresql://x/x",
        redis_url="redis://x",
        sentry_dsn="https://key@sentry.invalid/1",
    )
    configure_sentry(settings, component)
    client = sentry_sdk.get_client()
    assert client.transport is not None
    client.transport.kill()
    kept = KeptEvents()
    client.transport = kept
    try:
        yield kept.events
    finally:
        sentry_sdk.init()
