"""The address of a proxy. It holds a password: whatever shows it shows it masked."""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote, unquote, urlsplit

DEFAULT_PORTS: Final = {"socks5": 1080, "socks5h": 1080, "http": 80, "https": 443}
SCHEMES: Final = ", ".join(DEFAULT_PORTS)
URL_MAX: Final = 1_000
LOGIN_MAX_BYTES: Final = 255


class ProxyUrlError(ValueError):
    """The text says what is wrong, never what was given."""


@dataclass(frozen=True, slots=True, repr=False)
class ProxyUrl:
    """``user`` and ``password`` are decoded, and empty when the proxy asks for none."""

    scheme: str
    host: str
    port: int
    user: str
    password: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ProxyUrlError."""
        try:
            parts = urlsplit(text.strip())
            port = parts.port
        except ValueError as error:
            raise ProxyUrlError("is not a URL with a valid host and port") from error
        if parts.scheme not in DEFAULT_PORTS:
            raise ProxyUrlError(f"must start with one of {SCHEMES} and ://")
        if not parts.hostname or len(text) > URL_MAX or not text.strip().isprintable():
            raise ProxyUrlError("has no host, or is not a plain URL")
        if port == 0 or parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ProxyUrlError("is scheme://user:password@host:port and nothing after it")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if max(len(user.encode()), len(password.encode())) > LOGIN_MAX_BYTES:
            raise ProxyUrlError("has a user or password longer than SOCKS5 can carry")
        if password and not user:
            raise ProxyUrlError("has a password but no user")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port or DEFAULT_PORTS[parts.scheme],
            user=user,
            password=password,
        )

    @property
    def for_library(self) -> str:
        """It knows no ``socks5h``: its SOCKS5 always has the proxy look names up."""
        scheme = "socks5" if self.scheme == "socks5h" else self.scheme
        return f"{scheme}://{self._login}{self._place}"

    @property
    def full(self) -> str:
        return f"{self.scheme}://{self._login}{self._place}"

    @property
    def masked(self) -> str:
        return f"{self.scheme}://{'***@' if self.user else ''}{self._place}"

    def __repr__(self) -> str:
        return f"ProxyUrl({self.masked})"

    @property
    def _login(self) -> str:
        if not self.user:
            return ""
        return f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"

    @property
    def _place(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
