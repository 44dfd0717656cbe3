"""Which of Redis' errors pass by themselves, and which come again each time."""

from typing import Final

from redis.exceptions import (
    ClusterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

_PASSING_KINDS: Final = (
    ClusterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
_PASSING: Final = ("BUSY", "MISCONF", "NOREPLICAS", "UNBLOCKED")
"""Those that the client has no kind of its own for; of the others it cuts the name off."""


def is_final(error: BaseException) -> bool:
    """Redis has answered, and would answer the same again. True for what is no error of Redis."""
    if not isinstance(error, RedisError):
        return True
    if isinstance(error, _PASSING_KINDS):
        return False
    return isinstance(error, ResponseError) and not str(error).startswith(_PASSING)
