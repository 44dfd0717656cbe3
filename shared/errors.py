"""Stable error codes, and what each means over HTTP. Texts for people are in shared.texts."""

from enum import StrEnum
from typing import Final


class ErrorCode(StrEnum):
    """Codes that pages, scripts and dashboards rely on: never renamed."""

    # Entry and tokens
    INVALID_SALON_ID = "INVALID_SALON_ID"
    INVALID_SESSION_ID = "INVALID_SESSION_ID"
    SIGNATURE_MISSING = "SIGNATURE_MISSING"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    USER_DATA_INVALID = "USER_DATA_INVALID"
    NOT_CONFIGURED = "NOT_CONFIGURED"
    TOKEN_MISSING = "TOKEN_MISSING"  # noqa: S105 - a code, not a secret
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105 - a code, not a secret
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 - a code, not a secret
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    INVALID_REQUEST = "INVALID_REQUEST"
    TOO_MANY_CONNECTIONS = "TOO_MANY_CONNECTIONS"
    # Linking
    PHONE_REQUIRED = "PHONE_REQUIRED"
    INVALID_PHONE_FORMAT = "INVALID_PHONE_FORMAT"
    REQUEST_IN_PROGRESS = "REQUEST_IN_PROGRESS"
    RATE_LIMITED = "RATE_LIMITED"
    PAIRING_CODE_FAILED = "PAIRING_CODE_FAILED"
    BAILEYS_ERROR = "BAILEYS_ERROR"
    ALREADY_CONNECTED = "ALREADY_CONNECTED"
    LINKER_QUEUE_FULL = "LINKER_QUEUE_FULL"
    LINKER_FAILED = "LINKER_FAILED"
    WHATSAPP_UNREACHABLE = "WHATSAPP_UNREACHABLE"
    CLIENT_OUTDATED = "CLIENT_OUTDATED"
    LINK_REFUSED = "LINK_REFUSED"
    QR_TIMEOUT = "QR_TIMEOUT"
    PROXY_UNREACHABLE = "PROXY_UNREACHABLE"
    PASSKEY_REQUIRED = "PASSKEY_REQUIRED"
    UNLINK_FAILED = "UNLINK_FAILED"
    SALON_FROZEN = "SALON_FROZEN"
    # Marketplace
    REGISTRATION_NOT_FOUND = "REGISTRATION_NOT_FOUND"
    REGISTRATION_EXPIRED = "REGISTRATION_EXPIRED"
    SALON_NOT_CONNECTED = "SALON_NOT_CONNECTED"
    SALON_OF_ANOTHER_USER = "SALON_OF_ANOTHER_USER"
    CONCURRENT_ACTIVATION = "CONCURRENT_ACTIVATION"
    ACTIVATION_FAILED = "ACTIVATION_FAILED"
    YCLIENTS_UNAVAILABLE = "YCLIENTS_UNAVAILABLE"
    YCLIENTS_REFUSED = "YCLIENTS_REFUSED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    # Commands and infrastructure
    COMMAND_EXPIRED = "COMMAND_EXPIRED"
    INVALID_MESSAGE = "INVALID_MESSAGE"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"


_HTTP_STATUS: Final[dict[ErrorCode, int]] = {
    ErrorCode.SIGNATURE_MISSING: 403,
    ErrorCode.SIGNATURE_INVALID: 403,
    ErrorCode.NOT_CONFIGURED: 503,
    ErrorCode.TOKEN_MISSING: 400,
    ErrorCode.TOKEN_INVALID: 401,
    ErrorCode.TOKEN_EXPIRED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.TOO_MANY_CONNECTIONS: 429,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.REQUEST_IN_PROGRESS: 409,
    ErrorCode.ALREADY_CONNECTED: 409,
    ErrorCode.LINKER_QUEUE_FULL: 503,
    ErrorCode.LINKER_FAILED: 503,
    ErrorCode.WHATSAPP_UNREACHABLE: 503,
    ErrorCode.CLIENT_OUTDATED: 503,
    ErrorCode.QR_TIMEOUT: 503,
    ErrorCode.PAIRING_CODE_FAILED: 503,
    ErrorCode.PROXY_UNREACHABLE: 503,
    ErrorCode.PASSKEY_REQUIRED: 409,
    ErrorCode.UNLINK_FAILED: 503,
    ErrorCode.SALON_FROZEN: 409,
    ErrorCode.SALON_NOT_CONNECTED: 409,
    ErrorCode.SALON_OF_ANOTHER_USER: 403,
    ErrorCode.CONCURRENT_ACTIVATION: 409,
    ErrorCode.ACTIVATION_FAILED: 500,
    ErrorCode.YCLIENTS_UNAVAILABLE: 503,
    ErrorCode.YCLIENTS_REFUSED: 422,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
    ErrorCode.INTERNAL_ERROR: 500,
}


class AppError(Exception):
    """A failure with a stable code.

    ``context`` is for the log line and the answer; it must hold neither secrets nor numbers.
    """

    def __init__(self, code: ErrorCode, **context: object) -> None:
        super().__init__(code.value)
        self.code = code
        self.context = context

    @property
    def http_status(self) -> int:
        return _HTTP_STATUS.get(self.code, 400)
