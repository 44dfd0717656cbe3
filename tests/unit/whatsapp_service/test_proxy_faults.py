"""Who is to blame for a connection that did not come about.

The texts are those of the published library (neonize 0.5.2) through proxies that failed on purpose.
"""

from typing import Final

import pytest

from whatsapp_service.gateway.proxy_faults import ProxyFault, fault_in

DIAL: Final = (
    "failed to dial whatsapp web websocket: failed to WebSocket dial: "
    'failed to send handshake request: Get "https://web.whatsapp.com/ws/chat": '
)
SOCKS: Final = f"{DIAL}socks connect tcp 10.0.0.1:1080->web.whatsapp.com:443: "
PLAIN: Final = (
    "failed to dial whatsapp web websocket: failed to WebSocket dial: "
    "expected handshake response status code 101 but got "
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"{SOCKS}dial tcp 10.0.0.1:1080: connect: connection refused", ProxyFault.DEAD),
        (
            f"{DIAL}proxyconnect tcp: dial tcp 10.0.0.1:80: connect: connection refused",
            ProxyFault.DEAD,
        ),
        (f"{DIAL}proxyconnect tcp: net/http: TLS handshake timeout", ProxyFault.DEAD),
        (f"{SOCKS}username/password authentication failed", ProxyFault.CREDENTIALS_REFUSED),
        (f"{SOCKS}no acceptable authentication methods", ProxyFault.CREDENTIALS_REFUSED),
        (f"{DIAL}Proxy Authentication Required", ProxyFault.CREDENTIALS_REFUSED),
        (f"{PLAIN}407", ProxyFault.CREDENTIALS_REFUSED),
        (f"{SOCKS}unknown error connection not allowed by ruleset", ProxyFault.FORBIDS),
        (f"{DIAL}Forbidden", ProxyFault.FORBIDS),
        (f"{DIAL}Payment Required", ProxyFault.FORBIDS),
        (f"{SOCKS}unknown error host unreachable", None),
        (f"{DIAL}Bad Gateway", None),
        (f"{PLAIN}502", None),
        (f"{PLAIN}403", None),
        (f"{DIAL}dial tcp 157.240.0.60:443: connect: connection refused", None),
        ("", None),
    ],
)
def test_the_librarys_error_tells(text: str, fault: ProxyFault | None) -> None:
    assert fault_in(text) is fault
