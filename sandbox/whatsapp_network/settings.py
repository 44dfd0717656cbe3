"""What a test or the control API may change about the network's behaviour."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=3600)]


class NetworkSettings(BaseModel):
    """WhatsApp's own values by default. A change counts for connections made after it."""

    model_config = ConfigDict(extra="forbid")

    qr_refs: Annotated[int, Field(ge=1, le=6)] = 6
    qr_first_window_s: Seconds = 60.0
    qr_next_window_s: Seconds = 20.0
    # The client starts its own countdown when it hears of the refs, a little after us.
    qr_grace_s: Seconds = 1.0
    pairing_code_s: Seconds = 60.0
    # A client that is told why and cut off in one instant may miss the reason; 0 is that fault.
    close_delay_s: Seconds = 0.1
    # Baileys loses a stanza that follows its last handshake message at once.
    first_stanza_delay_s: Seconds = 0.005
    handshake_deadline_s: Seconds = 10.0
    # A client may store hundreds of keys before it answers, on a busy disk.
    request_deadline_s: Seconds = 25.0
