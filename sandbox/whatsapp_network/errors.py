"""What can go wrong on a simulated phone or in the control API, with stable codes."""

from enum import StrEnum


class Code(StrEnum):
    BAD_REQUEST = "BAD_REQUEST"
    CODE_EXPIRED = "CODE_EXPIRED"
    CODE_INVALID = "CODE_INVALID"
    CODE_NONE = "CODE_NONE"
    CODE_WRONG = "CODE_WRONG"
    DEVICE_UNKNOWN = "DEVICE_UNKNOWN"
    FAULT_UNKNOWN = "FAULT_UNKNOWN"
    LINK_BUSY = "LINK_BUSY"
    LINK_LOST = "LINK_LOST"
    LINK_REFUSED = "LINK_REFUSED"
    LINK_TIMEOUT = "LINK_TIMEOUT"
    NOT_FOUND = "NOT_FOUND"
    PASSKEY_REQUIRED = "PASSKEY_REQUIRED"
    PHONE_UNKNOWN = "PHONE_UNKNOWN"
    PICTURE_INVALID = "PICTURE_INVALID"
    PICTURE_WITHOUT_QR = "PICTURE_WITHOUT_QR"
    QR_EXPIRED = "QR_EXPIRED"
    QR_INVALID = "QR_INVALID"
    QR_MISMATCH = "QR_MISMATCH"
    QR_NOT_YET_VALID = "QR_NOT_YET_VALID"
    QR_UNKNOWN = "QR_UNKNOWN"
    SCREEN_EMPTY = "SCREEN_EMPTY"


class NetworkError(Exception):
    """`message` is for people; it never holds a code, a key or a QR."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
