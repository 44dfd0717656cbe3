"""WhatsApp addresses."""

from dataclasses import dataclass, replace
from typing import Final, Self

PHONE_NUMBERS: Final = "s.whatsapp.net"
LIDS: Final = "lid"


@dataclass(frozen=True, slots=True)
class Jid:
    """One address: `79990000001@s.whatsapp.net`, or `79990000001:3@…` for companion device 3.

    The server itself is the address without a user.
    """

    user: str
    server: str = PHONE_NUMBERS
    device: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise `ValueError` when the text is not an address."""
        user, at, server = text.rpartition("@")
        if not at or not server:
            raise ValueError("an address is user@server")
        user, _, device = user.partition(":")
        return cls(user, server, int(device or 0))

    @property
    def account(self) -> Self:
        """The same person without the device."""
        return replace(self, device=0)

    def __str__(self) -> str:
        device = f":{self.device}" if self.device else ""
        return f"{self.user}{device}@{self.server}"


SERVER: Final = Jid("")
