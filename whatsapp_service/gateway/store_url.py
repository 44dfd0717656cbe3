"""The credential store's URL in the forms that the library and our own pool take."""

from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

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

IDLE_MS: Final = 300_000
_IDLE: Final = "idle_session_timeout"

GO_ONLY: Final = frozenset({"binary_parameters", "disable_prepared_binary_result", _IDLE})
"""What libpq, and psycopg with it, does not know."""

_OPPORTUNISTIC: Final = frozenset({"", "allow", "prefer"})


def library_store_url(url: str) -> str:
    """For the library.

    lib/pq can do with TLS or without, not what comes: where it is left open, without. With
    `binary_parameters` a statement is parsed and carried out in one message, and never prepared
    for later: half the round trips, and what PgBouncer needs when it pools by transaction.
    """
    parts, asked = _taken_apart(url)
    known = {name: value for name, value in asked.items() if name not in LIBPQ_ONLY}
    if known.get("sslmode", "") in _OPPORTUNISTIC:
        known["sslmode"] = "disable"
    known["binary_parameters"] = "yes"
    return _put_together(parts._replace(scheme="postgres"), known)


def without_idle_connections(url: str) -> str:
    """For the library, straight to Postgres 14 or newer: what is idle for 5 min is closed there.

    The library never closes a connection, not even one of a client that has ended; it opens another
    one where it finds one closed. PgBouncer, which has a time-out of its own for this, would refuse
    the setting.
    """
    parts, asked = _taken_apart(url)
    return _put_together(parts, {_IDLE: str(IDLE_MS), **asked})


def libpq_store_url(url: str) -> str:
    """For our own pool."""
    parts, asked = _taken_apart(url)
    return _put_together(parts, {name: asked[name] for name in asked if name not in GO_ONLY})


def _taken_apart(url: str) -> tuple[SplitResult, dict[str, str]]:
    parts = urlsplit(url)
    return parts, dict(parse_qsl(parts.query, keep_blank_values=True))


def _put_together(parts: SplitResult, options: dict[str, str]) -> str:
    return urlunsplit(parts._replace(query=urlencode(options, quote_via=quote)))
