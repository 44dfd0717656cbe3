"""A QR as an image that a page can show under a strict Content-Security-Policy."""

import base64
import functools
import io
from typing import Final

import segno

QUIET_ZONE_MODULES: Final = 4
"""ISO/IEC 18004 wants four light modules around a code."""

REMEMBERED: Final = 256
"""Drawing takes some 15 ms; a QR is shown to several tabs, and again on reload."""


@functools.lru_cache(maxsize=REMEMBERED)
def qr_data_uri(text: str) -> str:
    """``data:image/svg+xml;base64,…``: black on white whatever the page's colours are."""
    svg = io.BytesIO()
    segno.make(text, error="l", micro=False).save(
        svg,
        kind="svg",
        border=QUIET_ZONE_MODULES,
        dark="#000",
        light="#fff",
        omitsize=True,
        xmldecl=False,
        svgns=True,
        nl=False,
    )
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.getvalue()).decode('ascii')}"
