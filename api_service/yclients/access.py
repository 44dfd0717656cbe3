"""Where YClients is, and how it is reached: addresses, headers, certificates."""

import functools
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2

CONNECT_S: Final = 5.0
POOL_SIZE: Final = 20
IDLE_S: Final = 15.0
"""After which a connection that nobody uses is closed: before the far end does it unseen."""


@dataclass(frozen=True, slots=True)
class Access:
    """``call_s``: for a call as a whole, its waiting and its retries included."""

    marketplace_url: str
    partner_token: str = field(repr=False)
    application_id: int | None
    accept: str
    ca_bundle: Path | None = None
    call_s: float = 30.0

    @property
    def configured(self) -> bool:
        return bool(self.partner_token) and self.application_id is not None


def connect(access: Access) -> httpx2.AsyncClient:
    """Nothing is sent yet. No proxy and no password of the environment is ever used.

    No compression: an answer is then as long as what was received, and its bound holds for both.
    """
    return httpx2.AsyncClient(
        base_url=access.marketplace_url,
        headers={
            "Accept": access.accept,
            "Accept-Encoding": "identity",
            "Authorization": f"Bearer {access.partner_token}",
            "User-Agent": "ai-admin",
        },
        verify=certificates(access.ca_bundle),
        timeout=httpx2.Timeout(access.call_s, connect=min(access.call_s, CONNECT_S)),
        limits=httpx2.Limits(
            max_connections=POOL_SIZE, max_keepalive_connections=POOL_SIZE, keepalive_expiry=IDLE_S
        ),
        follow_redirects=False,
        trust_env=False,
    )


@functools.cache
def certificates(bundle: Path | None) -> ssl.SSLContext:
    """The machine's authorities, and those of ``bundle``, read once.

    Raises OSError when it has none.
    """
    context = httpx2.create_ssl_context(trust_env=False)
    if bundle is not None:
        context.load_verify_locations(cafile=bundle)
    return context
