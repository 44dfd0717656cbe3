"""The name of every channel, stream and key in Redis. No other module spells one out."""

from typing import Final

from shared.company_id import SalonId, SessionId

EVENTS_CHANNEL: Final = "whatsapp:events"
HEALTH_CHANNEL: Final = "whatsapp:health"
HEALTH_TEST_CHANNEL: Final = "whatsapp:health-test"
ACTIVATION_CHANNEL: Final = "marketplace:activation"
"""What API processes tell each other of activations; the truth is in Postgres."""

EVENTS_LOG: Final = "whatsapp:events:log"
COMMANDS: Final = "whatsapp:commands"
COMMANDS_DEAD: Final = "whatsapp:commands:dead"
COMMANDS_GROUP: Final = "whatsapp-service"
PROCESSES: Final = "whatsapp:processes"
"""Set of the ids of WhatsApp processes that should live; whether they do, their heartbeats say."""

EVENTS_LOG_MAX_LENGTH: Final = 100_000
COMMANDS_MAX_LENGTH: Final = 50_000
COMMANDS_DEAD_MAX_LENGTH: Final = 10_000


def commands_of(process_id: str) -> str:
    """Stream of commands to sessions of this process, which others have taken and forwarded."""
    return f"{COMMANDS}:{process_id}"


def process_heartbeat(process_id: str) -> str:
    """There while the WhatsApp process lives; expires soon after its end."""
    return f"whatsapp:process:{process_id}"


def session_snapshot(session_id: SessionId) -> str:
    return f"whatsapp:session:{session_id}"


def live_qr(session_id: SessionId) -> str:
    return f"whatsapp:session:{session_id}:qr"


def live_code(session_id: SessionId) -> str:
    return f"whatsapp:session:{session_id}:code"


def command_done(command_id: str) -> str:
    return f"whatsapp:command:{command_id}:done"


def command_claim(command_id: str) -> str:
    """Which process has a command in hand."""
    return f"whatsapp:command:{command_id}:claim"


def pairing_lock(subject: str) -> str:
    """Of a session, or of a number by its hash."""
    return f"marketplace:pairing-lock:{subject}"


def activation_waiter(salon: str) -> str:
    """Held by the one request that waits for the salon's activation."""
    return f"marketplace:activation-waiter:{salon}"


def breaker(name: str) -> str:
    return f"marketplace:breaker:{name}"


YCLIENTS_TURNS: Final = "marketplace:yclients:turns"
"""When calls to YClients were or will be made, newest first: milliseconds of Redis' clock."""
YCLIENTS_BACKGROUND_TURNS: Final = "marketplace:yclients:turns:background"
"""Those of them that nobody waits for."""


WEBHOOKS_KEPT: Final = "marketplace:webhooks:kept"
"""Stream of lifecycle notifications that came while Postgres did not answer."""
HINTS_KEPT: Final = "marketplace:hints:kept"
"""Stream of entity webhooks that came while Postgres did not answer."""

WEBHOOKS_KEPT_MAX_LENGTH: Final = 20_000
HINTS_KEPT_MAX_LENGTH: Final = 50_000
SET_ASIDE_MAX_LENGTH: Final = 1_000


def set_aside(kept: str) -> str:
    """Stream of what was in that one and was refused by Postgres again and again."""
    return f"{kept}:aside"


def refusals(kept: str) -> str:
    """Hash: how often Postgres has refused which entry of that stream."""
    return f"{kept}:refusals"


def webhook_done(idempotency_key: str) -> str:
    """There while a lifecycle notification is known: a copy of it need not be written."""
    return f"marketplace:webhook:{idempotency_key}"


def rate_limit_prefix() -> str:
    """`limits` appends the limit's own name and subject."""
    return "marketplace:limit"


def salon_room(salon_id: SalonId) -> str:
    """Socket.IO room of a salon's pages; a wire contract like the keys."""
    return f"company-{salon_id}"
