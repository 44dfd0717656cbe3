"""Which pages of other sites may open a socket."""

import re
from collections.abc import Iterable
from typing import Final

_YCLIENTS: Final = re.compile(r"https://n\d+\.yclients\.(com|ru)", re.ASCII)
_LOOPBACK: Final = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.ASCII)


class AllowedOrigins:
    """YClients' own hosts, our public address and what the settings add; loopback when asked."""

    def __init__(self, listed: Iterable[str], *, public_url: str, loopback: bool) -> None:
        self._listed = {origin.lower().rstrip("/") for origin in (*listed, public_url) if origin}
        self._loopback = loopback

    def __call__(self, origin: str | None, _environ: object = None) -> bool:
        """A client that is no browser sends none, and needs the token like everybody."""
        if origin is None:
            return True
        text = origin.lower()
        return (
            text in self._listed
            or _YCLIENTS.fullmatch(text) is not None
            or (self._loopback and _LOOPBACK.fullmatch(text) is not None)
        )
