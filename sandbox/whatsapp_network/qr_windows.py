"""When each QR of an offer may be scanned, on the server's clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.settings import NetworkSettings


@dataclass(frozen=True, slots=True)
class QrWindows:
    """Consecutive windows from the moment the refs were sent; each stays open for the grace."""

    opened_at_s: float
    ends_at_s: Sequence[float]
    grace_s: float

    @classmethod
    def open(cls, settings: NetworkSettings, now_s: float) -> "QrWindows":
        """WhatsApp's clients show the first for 60 s and each of the other five for 20 s."""
        first, following = settings.qr_first_window_s, settings.qr_next_window_s
        ends = tuple(now_s + first + index * following for index in range(settings.qr_refs))
        return cls(now_s, ends, settings.qr_grace_s)

    @property
    def last_end_s(self) -> float:
        return self.ends_at_s[-1] + self.grace_s

    def check(self, index: int, now_s: float) -> None:
        """Raise `NetworkError` unless the ref of this index is the one on show."""
        starts_at_s = self.ends_at_s[index - 1] if index else self.opened_at_s
        if now_s < starts_at_s:
            raise NetworkError(Code.QR_NOT_YET_VALID, "Этот QR-код ещё не действует")
        if now_s >= self.ends_at_s[index] + self.grace_s:
            raise NetworkError(Code.QR_EXPIRED, "Срок действия QR-кода истёк")
