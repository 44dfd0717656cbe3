"""What an answer of YClients means: its envelope, or the error that it stands for.

Success is ``{"success":true,"data":…,"meta":{}}``; an error has its text in ``meta.message`` or,
in a second shape, in ``errors``. Status and content type are looked at before any JSON: a CDN's
HTML comes with 200 as well as with 403.
"""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from api_service.yclients.errors import (
    AmbiguousError,
    NotSentError,
    RefusedError,
    YclientsError,
)
from shared.masking import mask_text

MAX_BYTES: Final = 4 * 1024 * 1024
"""Of an answer's body. A page of 1,000 salons has some hundred kilobytes."""
LONGEST_MESSAGE: Final = 300
LONGEST_PAUSE_S: Final = 60.0

ACCEPTED_REDIRECTS: Final = frozenset({HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND})
"""With these YClients says that an activation is saved (D1: 301)."""

_UNKNOWN_APPLICATION: Final = "агрегатор не найден"
_ALREADY_INSTALLED: Final = "уже установил это приложение"
_REASONS: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is None when it was longer than ``MAX_BYTES``."""

    status: int
    content_type: str
    body: bytes | None
    retry_after: str = ""


def require_accepted(answer: Answer) -> None:
    """An activation was taken, whatever stands in the body. Raises YclientsError."""
    if answer.status in ACCEPTED_REDIRECTS or _is_success(answer.status):
        return
    raise failure_of(answer)


def require_done(answer: Answer) -> None:
    """The call was carried out; nobody waits for data. Raises YclientsError."""
    if _is_success(answer.status) and answer.body == b"":
        return
    _envelope(answer)


def data_of(answer: Answer, shape: TypeAdapter[T]) -> T:
    """Raises YclientsError."""
    envelope = _envelope(answer)
    if "data" not in envelope:
        raise AmbiguousError("unreadable")
    try:
        return shape.validate_python(envelope["data"])
    except (ValidationError, RecursionError):
        raise AmbiguousError("unreadable") from None


def failure_of(answer: Answer) -> YclientsError:
    """What an answer stands for that is no success."""
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotSentError("rate_limited", _pause_s(answer.retry_after))
    if answer.status == HTTPStatus.REQUEST_TIMEOUT:
        return AmbiguousError("timeout")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return AmbiguousError("server_error")
    if answer.status < HTTPStatus.BAD_REQUEST:
        return AmbiguousError("unreadable")
    return _refusal(answer.status, _json_object(answer))


def _envelope(answer: Answer) -> dict[str, Any]:
    if not _is_success(answer.status):
        raise failure_of(answer)
    envelope = _json_object(answer)
    if envelope is None:
        raise AmbiguousError("unreadable")
    if envelope.get("success") is False or envelope.get("errors"):
        raise _refused_with_success(answer.status, envelope)
    return envelope


def _refused_with_success(status: int, envelope: dict[str, Any]) -> YclientsError:
    """A 2xx that says ``"success":false``: the code in its body counts, when there is one."""
    errors = envelope.get("errors")
    code = errors.get("code") if isinstance(errors, dict) else None
    if not isinstance(code, int) or code < HTTPStatus.BAD_REQUEST:
        return _refusal(status, envelope)
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return AmbiguousError("server_error")
    return _refusal(code, envelope)


_ENVELOPE: Final = frozenset({"success", "errors"})
"""One of them is in every refusal of YClients (D1)."""


def _refusal(status: int, envelope: dict[str, Any] | None) -> RefusedError:
    """Words count more than the status. A 404 in another shape is not YClients' own."""
    texts = _texts(envelope or {})
    words = " ".join(" ".join(texts).casefold().split())
    if _ALREADY_INSTALLED in words:
        reason = "already_installed"
    elif _UNKNOWN_APPLICATION in words:
        reason = "application_unknown"
    elif status == HTTPStatus.NOT_FOUND and envelope and not _ENVELOPE.isdisjoint(envelope):
        reason = "not_installed"
    else:
        reason = _REASONS.get(status, "refused")
    return RefusedError(reason, status, mask_text("; ".join(texts))[:LONGEST_MESSAGE])


def _texts(envelope: dict[str, Any]) -> list[str]:
    """Of both shapes of an error, each text once."""
    places = [envelope.get("meta"), envelope.get("errors"), envelope]
    found = [place.get("message") for place in places if isinstance(place, dict)]
    texts = [text.strip() for text in found if isinstance(text, str) and text.strip()]
    return list(dict.fromkeys(texts))


def _json_object(answer: Answer) -> dict[str, Any] | None:
    """None for what is not the JSON object that was due."""
    if answer.body is None or not _is_json(answer.content_type):
        return None
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _is_json(content_type: str) -> bool:
    """``application/json``, ``application/vnd.yclients.v2+json``, or not said."""
    kind = content_type.partition(";")[0].strip().casefold()
    return not kind or kind.endswith("json")


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _pause_s(retry_after: str) -> float | None:
    """Not documented; seconds when it is there. A date is not worth reading."""
    if not (retry_after.isascii() and retry_after.isdigit()):
        return None
    return min(float(retry_after), LONGEST_PAUSE_S)
