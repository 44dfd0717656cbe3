"""How alive a session is: facts apart from each other, as its owner knew them when it told."""

from typing import Any

from shared.messages.envelope import EpochMs, WireModel


class Liveness(WireModel):
    """Moments in milliseconds, None for never.

    ``logged_in``: the library is logged in. ``socket_alive``: WhatsApp has answered, or said
    something, as lately as is asked for, and owes no answer. ``last_event_at``: the library's last
    event. ``connected_since``: open and logged in without a break since then. ``phone_seen``: the
    salon's own phone gave a sign; without one for 14 days WhatsApp unlinks its devices.
    """

    logged_in: bool = False
    socket_alive: bool = False
    last_event_at: EpochMs | None = None
    connected_since: EpochMs | None = None
    phone_seen: EpochMs | None = None

    def facts(self) -> dict[str, Any]:
        """These facts alone, for another message that carries them."""
        return {name: getattr(self, name) for name in Liveness.model_fields}
