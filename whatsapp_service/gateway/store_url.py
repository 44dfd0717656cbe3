"""A Postgres URL in the form that the library takes."""

from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

LIBPQ_ONLY: Final = frozenset(
    {
        "channel_binding",
        "gssdelegation",
        "gssencmode",
        "gsslib",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "require_auth",
        "requirepeer",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcertmode",
        "sslcompression",
        "sslcrl",
        "sslcrldir",
        "target_session_attrs",
        "tcp_user_timeout",
    }
)
"""Go's lib/pq sends what it does not know to the server as a setting, which refuses it."""

_OPPORTUNISTIC: Final = frozenset({"", "allow", "prefer"})


def library_store_url(url: str) -> str:
    """lib/pq can do with TLS or without, not what comes: where it is left open, without."""
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    known = {name: value for name, value in asked.items() if name not in LIBPQ_ONLY}
    if known.get("sslmode", "") in _OPPORTUNISTIC:
        known["sslmode"] = "disable"
    return urlunsplit(parts._replace(scheme="postgres", query=urlencode(known, quote_via=quote)))
