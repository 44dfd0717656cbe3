"""States of a salon's session as the outside sees them, and why a state was left."""

from enum import StrEnum


class SessionStatus(StrEnum):
    """What a page, a health scraper or a snapshot shows."""

    IDLE = "idle"
    QUEUED = "queued"
    CONNECTING = "connecting"
    QR = "qr"
    PAIRING = "pairing"
    LINKING = "linking"
    QR_EXPIRED = "qr_expired"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    LOGGED_OUT = "logged_out"
    REPLACED = "replaced"
    BANNED = "banned"
    OUTDATED = "outdated"
    FROZEN = "frozen"
    ERROR = "error"


class Reason(StrEnum):
    """Stable reason codes: dashboards and support rely on them."""

    SOCKET_LOST = "socket_lost"
    STREAM_ERROR = "stream_error"
    KEEPALIVE_TIMEOUT = "keepalive_timeout"
    REPLACED = "replaced"
    LOGGED_OUT = "logged_out"
    TEMPORARY_BAN = "temporary_ban"
    CLIENT_OUTDATED = "client_outdated"
    REFUSED = "refused"
    WHATSAPP_UNREACHABLE = "whatsapp_unreachable"
    LINKER_FAILED = "linker_failed"
    LINKER_QUEUE_FULL = "linker_queue_full"
    QR_EXPIRED = "qr_expired"
    CREDENTIALS_MISSING = "credentials_missing"
    SERVICE_STOPPED = "service_stopped"
    OWNER_LOST = "owner_lost"
    """The process that held the session gives no sign of life."""
    STORE_UNAVAILABLE = "store_unavailable"
    PROXY_UNREACHABLE = "proxy_unreachable"
    ROUTE_CHANGED = "route_changed"
    """An operator has sent the salon's connection another way."""
    PASSKEY_REQUIRED = "passkey_required"
    UNLINKED = "unlinked"
    FROZEN = "frozen"
    """The salon's subscription has ended; its credentials are kept."""
