"""The Authorization header."""

import hmac

from starlette.requests import Request

_SCHEME = "bearer "


def bearer_of(request: Request) -> str | None:
    """The token of ``Authorization: Bearer …``, None when there is none."""
    header = request.headers.get("authorization", "")
    if not header.lower().startswith(_SCHEME):
        return None
    return header[len(_SCHEME) :].strip() or None


def same_secret(given: str | None, expected: str) -> bool:
    """In constant time; nothing given or nothing expected is never the same."""
    if not given or not expected:
        return False
    return hmac.compare_digest(given.encode(), expected.encode())
