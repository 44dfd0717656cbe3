"""A session's named timers: one of each name at a time, all ended together."""

import asyncio
from collections.abc import Callable


class Timers:
    def __init__(self) -> None:
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._handles)

    def set(self, name: str, delay_s: float, callback: Callable[[], object]) -> None:
        """Replaces a timer of the same name."""
        self.cancel(name)
        self._handles[name] = asyncio.get_running_loop().call_later(
            delay_s, self._fire, name, callback
        )

    def remaining_s(self, name: str) -> float | None:
        """Until it fires; None when it is not set."""
        handle = self._handles.get(name)
        return max(0.0, handle.when() - asyncio.get_running_loop().time()) if handle else None

    def cancel(self, *names: str) -> None:
        for name in names:
            handle = self._handles.pop(name, None)
            if handle is not None:
                handle.cancel()

    def cancel_all(self) -> None:
        self.cancel(*list(self._handles))

    def _fire(self, name: str, callback: Callable[[], object]) -> None:
        self._handles.pop(name, None)
        callback()
