"""Response headers that keep a page and its token to themselves."""

from collections.abc import Sequence
from typing import Final

NOBODY: Final = "'none'"

PRIVATE: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""For every answer that holds, or was asked for with, a token."""

IMMUTABLE: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
}
"""For files whose name changes with their content."""


def page_headers(frame_ancestors: Sequence[str]) -> dict[str, str]:
    """No inline script or style, nothing from elsewhere; YClients may show the page in a frame."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors {' '.join(frame_ancestors) or NOBODY}"
    )
    return {
        **PRIVATE,
        "Content-Security-Policy": policy,
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
