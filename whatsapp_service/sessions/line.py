"""What is known of one session's line to WhatsApp, each fact apart from the others."""

import random
import time
from typing import Final

from shared.messages.envelope import EpochMs
from shared.messages.liveness import Liveness
from whatsapp_service.gateway.events import Answered, GatewayEvent, Heard, KeepAliveLost, Opened

STAGGER: Final = (0.75, 1.0)
"""Each session's share of the interval between two questions, so that not all ask at once."""


class Line:
    """Wall-clock seconds, but for ``proved_at``, which is monotonic.

    ``alive``: proved, and no question has gone unanswered since. ``silent_at``: when the line was
    last found dark. ``phone_kept_at``: what Postgres has of ``phone_seen_at``. ``told``: what the
    outside knows.
    """

    def __init__(self) -> None:
        self.logged_in = False
        self.alive = False
        self.last_event_at: float | None = None
        self.connected_since: float | None = None
        self.phone_seen_at: float | None = None
        self.phone_kept_at: float | None = None
        self.last_proved_at: float | None = None
        self.silent_at: float | None = None
        self.proved_at = time.monotonic()
        self.stagger = random.uniform(*STAGGER)  # noqa: S311 - spread
        self.told = Liveness()

    def take(self, event: GatewayEvent) -> None:
        """Whatever the library says of the present connection."""
        if isinstance(event, Answered):
            self.prove()
            return
        now = self.last_event_at = time.time()
        match event:
            case Opened():
                self.logged_in = True
                self.connected_since = self.connected_since or now
                self.prove()
            case Heard(from_phone):
                self.prove()
                if from_phone:
                    self.phone_seen_at = now
            case KeepAliveLost():
                self.doubt()
            case _:
                self.lose()

    def prove(self) -> None:
        """WhatsApp has said something."""
        self.proved_at, self.last_proved_at = time.monotonic(), time.time()
        self.alive = self.logged_in

    def doubt(self) -> None:
        """WhatsApp owes an answer."""
        self.alive = False

    def lose(self) -> None:
        self.logged_in = self.alive = False
        self.connected_since = None

    def recall_phone(self, seen_at: float | None) -> None:
        """What an earlier life has seen, or another owner."""
        self.phone_kept_at = seen_at
        if seen_at is not None:
            self.phone_seen_at = max(seen_at, self.phone_seen_at or seen_at)

    def see_phone(self) -> None:
        self.phone_seen_at = time.time()

    def liveness(self) -> Liveness:
        return Liveness(
            logged_in=self.logged_in,
            socket_alive=self.alive,
            last_event_at=_ms(self.last_event_at),
            connected_since=_ms(self.connected_since),
            phone_seen=_ms(self.phone_seen_at),
        )

    def news(self, patience_s: float) -> bool:
        """Something the outside should know: a fact has changed, or a moment by more than this."""
        now, told = self.liveness(), self.told
        if (now.logged_in, now.socket_alive) != (told.logged_in, told.socket_alive):
            return True
        moments = ((now.last_event_at, told.last_event_at), (now.phone_seen, told.phone_seen))
        return any((new or 0) - (old or 0) > patience_s * 1000 for new, old in moments)


def _ms(moment_s: float | None) -> EpochMs | None:
    return None if moment_s is None else round(moment_s * 1000)
