"""How alive the sessions are, for operators: counts for Prometheus, single ones for health."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from shared.inventory import Inventory
from whatsapp_service.sessions.line import Line
from whatsapp_service.sessions.session import Session

OLDER_THAN_S: Final = (300, 3_600, 86_400)
PHONE_UNSEEN_S: Final = (86_400, 604_800, 1_036_800)
"""A day, a week, 12 days: WhatsApp unlinks devices whose phone is away for 14."""


def count_lines(inventory: Inventory, sessions: Iterable[Session]) -> None:
    def lines() -> list[Line]:
        return [session.line for session in sessions if session.connected]

    def ages(moment: Callable[[Line], float | None], limits_s: tuple[int, ...]) -> dict[str, float]:
        """Of what was never seen nothing is known: it is as old as the connection at least."""
        now = time.time()
        old = [now - (moment(line) or line.connected_since or now) for line in lines()]
        return {str(limit_s): sum(age > limit_s for age in old) for limit_s in limits_s}

    def longer() -> Mapping[str, float]:
        return ages(lambda line: line.connected_since, OLDER_THAN_S)

    def older() -> Mapping[str, float]:
        return ages(lambda line: line.last_event_at, OLDER_THAN_S)

    def unseen() -> Mapping[str, float]:
        return ages(lambda line: line.phone_seen_at, PHONE_UNSEEN_S)

    inventory.add(
        "sessions_logged_in",
        "Sessions of which the library says that they are logged in",
        lambda: sum(session.line.logged_in for session in sessions),
    )
    inventory.add(
        "sessions_socket_alive",
        "Sessions whose line has answered as lately as it is asked",
        lambda: sum(session.line.alive for session in sessions),
    )
    inventory.add(
        "sessions_silent",
        "Connected sessions whose line owes an answer",
        lambda: sum(not line.alive for line in lines()),
    )
    inventory.add_each(
        "sessions_connected_longer_than",
        "Sessions that are connected without a break for so many seconds",
        "seconds",
        longer,
    )
    inventory.add_each(
        "sessions_last_event_older_than",
        "Connected sessions whose library has told nothing for so many seconds",
        "seconds",
        older,
    )
    inventory.add_each(
        "sessions_phone_unseen_for",
        "Connected sessions whose phone gave no sign for so many seconds",
        "seconds",
        unseen,
    )


def describe_line(line: Line) -> dict[str, Any]:
    return {
        "loggedIn": line.logged_in,
        "socketAlive": line.alive,
        "lastEventAt": iso(line.last_event_at),
        "connectedSince": iso(line.connected_since),
        "phoneSeen": iso(line.phone_seen_at),
        "lastProvedAt": iso(line.last_proved_at),
        "lastSilentAt": iso(line.silent_at),
    }


def iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat()
