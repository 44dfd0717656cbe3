"""Hides secrets and numbers in whatever is about to be written: texts, structures, log events.

Three nets, one behind the other: the values that this process was given as secrets, the names of
fields, and what tokens, codes and numbers look like.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, unquote

from structlog.types import EventDict

_SECRET_NAMES: Final = re.compile(
    r"token|secret|password|authorization|cookie|^qr$|^code$|pairing_code|api_key|user_data|dsn",
    re.IGNORECASE,
)
_PHONE_NAMES: Final = re.compile(r"phone|number|jid|^pn$", re.IGNORECASE)
_STABLE_CODE: Final = re.compile(r"(?!.{8}$)[A-Z][A-Z_]+")
"""Of `shared.errors`, none of which is as long as a pairing code."""
_CODE_HALF: Final = "[1-9A-HJ-NP-TV-Z]{4}"
_GAP: Final = r" \u2010-\u2015"
_SECRETS: Final = (
    (re.compile(r"data:[\w/+.-]+;base64,[\w+/=]+"), "<image>"),
    (re.compile(r"ey[JA](?:[\w+/=.-]|%[0-9A-Fa-f]{2}){12,}"), "<token>"),  # base64 of '{"'
    (re.compile(r"\b[0-9A-Fa-f]{48,}\b"), "<hex>"),
    (re.compile(r"\baia_[\w-]{20,}"), "<token>"),  # of the admin API
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+(,\s*user\s+[\w.~+/=-]+)?"), r"\1 <masked>"),
    (
        re.compile(r"(?i)((?:[?&]|\b)(?:token|user_data|user_data_sign|sid|code)=)[^&\s]+"),
        r"\1<masked>",
    ),
    (re.compile(r"(\b\w{1,20}://)[^/\s\"']+@"), r"\1<masked>@"),
    (re.compile(r"(/webhook/yclients/hook/\d{1,15}/)[^/\s\"'?]+"), r"\1<masked>"),
    (
        re.compile(
            rf"(?<!\w)(?<![0-9a-f]-)(?:{_CODE_HALF}-{_CODE_HALF}"
            rf"|(?=[1-9{_GAP}]{{0,8}}[A-Z]){_CODE_HALF}[{_GAP}]?{_CODE_HALF})(?!\w|-[0-9a-f])"
        ),
        "<code>",
    ),
    (re.compile(r"(?:https://wa\.me/settings/linked_devices#)?\b2@[\w+/=,.-]{20,}"), "<qr>"),
    (
        re.compile(
            r"(?i)([\"']?(?:token|secret|password|api_key)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;}&]+"
        ),
        r"\1<masked>",
    ),
)
_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")

# E.164 has no number of 10 or 13 digits that begins with 15 to 19: those are moments, in seconds
# and milliseconds. Every other run of 10 to 15 digits is taken for a number.
_IDS: Final = (
    r"\bcompany_[0-9]{1,15}\b",
    r"\b(?:ping|self)_[0-9]{10,13}_[0-9a-f]{1,8}\b",
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    r"\b[0-9a-f]{11}-[0-9a-f]{20}\b",
    r"\b(?=[0-9]*[a-f])(?:[0-9a-f]{32}|[0-9a-f]{16})\b",
    r"(?<![\d+])1[5-9]\d{8}(?:\d{3}(?:-\d{1,6})?)?(?![\d-])",
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?",
    r"(?<![\d.+])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])",
    r"(?<![\d.])0\.\d+",
)
_SEPARATORS: Final = r"(?:[ ().\-\u00a0\u2010-\u2015]|%[0-9A-Fa-f]{2}){0,3}"
_NUMBER_OR_ID: Final = re.compile(
    rf"(?P<id>{'|'.join(_IDS)})|(?<!\d)\+?\d(?:{_SEPARATORS}\d){{9,14}}(?!\d)"
)

_TOO_SHORT_FOR_A_NUMBER: Final = 5
_SHORTEST_SECRET: Final = 8
_LONGEST_TEXT: Final = 16_000
_PLAIN_KEYS: Final = frozenset(
    {"timestamp", "level", "logger", "company_id", "salon_id", "stream_id", "port", "pid"}
)
_PROCESS_ID: Final = re.compile(r"[\w.-]{1,80}-\d{1,10}-[0-9a-f]{6}", re.ASCII)
_given: Final[list[re.Pattern[str]]] = []


def hide(secrets: Iterable[str]) -> None:
    """From now on exactly these are masked wherever they stand, also as a URL would write them.

    Of a URL the password is the secret. What is shorter than 8 characters is left: it would be
    found in everything.
    """
    written = {
        form
        for secret in map(_secret_in, secrets)
        for form in (secret, quote(secret, safe=""), unquote(secret))
        if len(secret) >= _SHORTEST_SECRET
    }
    longest_first = sorted(map(re.escape, written), key=len, reverse=True)
    _given[:] = [re.compile("|".join(longest_first))] if written else []


def _secret_in(value: str) -> str:
    """Nothing when the password is the user's name, as on machines of developers."""
    _, separator, rest = value.partition("://")
    if not separator:
        return value
    user, _, password = rest.rpartition("@")[0].partition(":")
    return "" if password == user else password or user


def mask_text(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        text = f"{text[:_LONGEST_TEXT]}…"
    for given in _given:
        text = given.sub("<masked>", text)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    text = _NUMBER_OR_ID.sub(_unless_id, text)
    return _EMAIL.sub("<email>", text)


def _unless_id(found: re.Match[str]) -> str:
    return found["id"] or "<number>"


def mask_event(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Processor for structlog: nothing secret leaves through a log line."""
    return {name: mask(name, value) for name, value in event.items()}


def mask(name: str, value: object) -> object:
    """A value as it may be written under this name."""
    if name in _PLAIN_KEYS:
        return value
    if _SECRET_NAMES.search(name) and not (
        isinstance(value, bool) or (isinstance(value, str) and _STABLE_CODE.fullmatch(value))
    ):
        return "<masked>" if value else value
    if isinstance(value, Mapping):
        return {mask_text(str(key)): mask(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask(name, item) for item in value]
    return _mask_scalar(name, value)


def _mask_scalar(name: str, value: object) -> object:
    if value is None or isinstance(value, bool | float):
        return value
    text = str(value)
    if name == "process_id" and _PROCESS_ID.fullmatch(text):
        return value
    if _PHONE_NAMES.search(name) and len(text) > _TOO_SHORT_FOR_A_NUMBER:
        return "<number>"
    masked = mask_text(text)
    return value if isinstance(value, int) and masked == text else masked
