"""What happened on the network: counters for tests, events for people, stanzas unknown to us."""

from collections import Counter, deque
from typing import Final

from pydantic import BaseModel

from sandbox.whatsapp_network.account import now_ms
from sandbox.whatsapp_network.node import Node

EVENTS_MAX: Final = 5_000
UNKNOWN_MAX: Final = 200


class Event(BaseModel):
    """`sequence` grows with every event, over restarts too, so that a reader can ask for more."""

    sequence: int
    at_ms: int
    kind: str
    number: str | None = None
    device: int | None = None
    detail: str = ""


class UnknownStanza(BaseModel):
    """A stanza nothing here answers; a test that sees one fails."""

    reason: str
    xml: str


class Stats(BaseModel):
    """Counts since the start or the last reset; the last two are as of now.

    `logins_by_device` and `replaced_by_device` have keys like `79990000001:1`.
    """

    handshakes: int
    logins: int
    logins_by_device: dict[str, int]
    replaced: int
    replaced_by_device: dict[str, int]
    pairings: int
    refused: int
    unknown_stanzas: int
    open_connections: int
    online_devices: int
    linked_devices: int


class Journal:
    def __init__(self) -> None:
        self._sequence = now_ms()
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self.counts: Counter[str] = Counter()
        self.logins: Counter[str] = Counter()
        self.replaced: Counter[str] = Counter()
        self.unknown: deque[UnknownStanza] = deque(maxlen=UNKNOWN_MAX)

    def note(
        self, kind: str, number: str | None = None, device: int | None = None, detail: str = ""
    ) -> None:
        """Record and count one event."""
        self._sequence += 1
        self.counts[kind] += 1
        self._events.append(
            Event(
                sequence=self._sequence,
                at_ms=now_ms(),
                kind=kind,
                number=number,
                device=device,
                detail=detail,
            )
        )

    def note_login(self, number: str, device: int) -> None:
        self.logins[f"{number}:{device}"] += 1
        self.note("login", number, device)

    def note_replaced(self, number: str, device: int) -> None:
        """Another login under a device's name has ended the connection that it had."""
        self.replaced[f"{number}:{device}"] += 1
        self.note("replaced", number, device)

    def note_unknown(self, node: Node | None, reason: str) -> None:
        self.unknown.append(UnknownStanza(reason=reason, xml=node.xml() if node else ""))
        self.note("unknown_stanza", detail=reason)

    def since(self, sequence: int) -> list[Event]:
        return [event for event in self._events if event.sequence > sequence]

    def reset_counters(self) -> None:
        self.counts.clear()
        self.logins.clear()
        self.replaced.clear()
        self.unknown.clear()
