"""Login refusals that the library tells in its log alone, and two that would end the process.

WhatsApp's 415, 418 and whatever is new become an event in whatsmeow (connectionevents.go) for which
neonize has no number (goneonize/utils/encoder.go): the event cannot be written, and the client ends
with an error that names no code. At 413 and 414 whatsmeow calls a function that neonize never sets,
and Go ends the process with all its salons. Each is logged before, by a call into Python for which
the goroutine waits.
"""

import ctypes
import re
import threading
from collections.abc import Callable
from typing import Any, Final

LogCall = Callable[[int, int], None]
"""Address and size of a log entry; in a thread of Go's."""

_MARK: Final = b"connect failure"
_UNKNOWN: Final = re.compile(rb'Unknown connect failure: <failure [^>]*\breason="(\d{1,4})"')
_DEADLY: Final = re.compile(rb"Got (\d{1,4})/[^\n]{0,500}? connect failure, refreshing CAT")
_TOLD: Final = frozenset({400, 409, 501})
"""Of these the library's own event comes, too."""


def _for_ever() -> None:
    threading.Event().wait()


class LoginRefusals:
    """Stands before the library's log for one client; ``tell`` is called in Go's thread.

    A goroutine that would end the process stays in its log call for ever, with its thread. Its
    client can be closed no more, and is left behind like one that hangs in a proxy.
    """

    def __init__(
        self,
        tell: Callable[[int], None],
        log: LogCall,
        stay: Callable[[], None] = _for_ever,
    ) -> None:
        self._tell = tell
        self._log = log
        self._stay = stay

    def take(self, address: int, size: int) -> None:
        """For every line, also those that nobody is shown."""
        self._log(address, size)
        if not address or size <= 0:
            return
        entry = ctypes.string_at(address, size)
        if _MARK not in entry:
            return
        deadly = _DEADLY.search(entry)
        refusal = deadly or _UNKNOWN.search(entry)
        if refusal is not None and (code := int(refusal[1])) not in _TOLD:
            self._tell(code)
        if deadly is not None:
            self._stay()


class LogOfClients:
    """neonize's aioze.client gives its module's ``log_whatsmeow`` to a client that connects."""

    NAME: Final = "log_whatsmeow"

    def __init__(self, module: Any) -> None:
        self._module = module
        self._log: LogCall = getattr(module, self.NAME)

    async def connect(self, connect: Callable[[], Any], tell: Callable[[int], None]) -> Any:
        """Call ``connect``, one at a time: its client tells its refusals by ``tell``."""
        setattr(self._module, self.NAME, LoginRefusals(tell, self._log).take)
        try:
            return await connect()
        finally:
            setattr(self._module, self.NAME, self._log)
