"""What a phone's camera would see now: the QRs that pages show, as the demo reports them."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sandbox.whatsapp_network.errors import Code, NetworkError

LIFETIME_S: Final = 60.0
SCREENS_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Screen:
    label: str
    qr: str
    shown_at_s: float


class Screens:
    """One QR per label, the newest last; each fades after `LIFETIME_S`."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._screens: OrderedDict[str, Screen] = OrderedDict()

    def show(self, label: str, qr: str) -> None:
        self._screens.pop(label, None)
        self._screens[label] = Screen(label, qr, self._clock_s())
        while len(self._screens) > SCREENS_MAX:
            self._screens.popitem(last=False)

    def clear(self) -> None:
        self._screens.clear()

    def current(self) -> list[Screen]:
        """Return what is still on show, the newest first."""
        oldest_s = self._clock_s() - LIFETIME_S
        fresh = (screen for screen in self._screens.values() if screen.shown_at_s > oldest_s)
        return list(fresh)[::-1]

    def newest(self, label: str | None = None) -> Screen:
        """Raise `NetworkError` when no QR, or none with this label, is on show."""
        for screen in self.current():
            if label in (None, screen.label):
                return screen
        raise NetworkError(Code.SCREEN_EMPTY, "На экране сейчас нет QR-кода")
