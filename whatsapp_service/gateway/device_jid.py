"""The address of a companion device: ``79990000001:12@s.whatsapp.net``."""

import re
from dataclasses import dataclass

from shared.phone import PhoneNumber

_JID = re.compile(r"([1-9][0-9]{4,14})(?:[.][0-9]+)?:([0-9]{1,5})@s\.whatsapp\.net", re.ASCII)


@dataclass(frozen=True, slots=True)
class DeviceJid:
    """``device`` is the companion's number in the account, from 1; it never leaves the gateway."""

    phone: PhoneNumber
    device: int

    @classmethod
    def parse(cls, text: str) -> "DeviceJid":
        """Raises ValueError, without the text in it."""
        found = _JID.fullmatch(text)
        if not found:
            raise ValueError("not the address of a companion device")
        return cls(PhoneNumber(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.phone}:{self.device}@s.whatsapp.net"
