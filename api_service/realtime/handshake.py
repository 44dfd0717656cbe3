"""What a page brings when it opens a socket."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import structlog

_log = structlog.get_logger(__name__)
_SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class Handshake:
    """``token`` is None when none was brought; ``address`` is the client's, behind our proxy."""

    token: str | None
    address: str


def read_handshake(environ: Mapping[str, Any], auth: object) -> Handshake:
    """Header first, then ``auth.token``; the query last, since proxies write it to their logs."""
    token = _of_header(environ) or _of_auth(auth)
    if token is None and (token := _of_query(environ)) is not None:
        _log.warning("socket_token_in_query")
    client = environ["asgi.scope"].get("client")
    return Handshake(token, client[0] if client else "unknown")


def _of_header(environ: Mapping[str, Any]) -> str | None:
    header = environ.get("HTTP_AUTHORIZATION", "")
    if not header.lower().startswith(_SCHEME):
        return None
    return header[len(_SCHEME) :].strip() or None


def _of_auth(auth: object) -> str | None:
    token = auth.get("token") if isinstance(auth, Mapping) else None
    return token if isinstance(token, str) and token else None


def _of_query(environ: Mapping[str, Any]) -> str | None:
    return next(iter(parse_qs(environ.get("QUERY_STRING", "")).get("token", ())), None)
