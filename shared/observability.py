"""Logs without secrets or numbers, and Sentry with tags.

Everything that is logged, by us or by a library, passes one chain of processors whose last step
masks; a secret that slips into an error text is masked as well.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, cast

import sentry_sdk
import structlog
from sentry_sdk.integrations.logging import LoggingIntegration
from structlog.types import EventDict, Processor

from shared.settings import CommonSettings, LogSettings

_SECRET_NAMES: Final = re.compile(
    r"token|secret|password|authorization|cookie|^qr$|^code$|pairing_code|api_key|user_data|dsn",
    re.IGNORECASE,
)
_PHONE_NAMES: Final = re.compile(r"phone|number|jid|^pn$", re.IGNORECASE)
_STABLE_CODE: Final = re.compile(r"[A-Z][A-Z_]+")
_MASKS: Final = (
    (re.compile(r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*"), "<token>"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+(,\s*user\s+[\w.~+/=-]+)?"), r"\1 <masked>"),
    (
        re.compile(r"(?i)((?:[?&]|\b)(?:token|user_data|user_data_sign|sid|code)=)[^&\s]+"),
        r"\1<masked>",
    ),
    (re.compile(r"(\w+://)[^/\s\"']+@"), r"\1<masked>@"),
    (re.compile(r"\b[1-9A-HJ-NP-TV-Z]{4}-[1-9A-HJ-NP-TV-Z]{4}\b"), "<code>"),
    (re.compile(r"(?:https://wa\.me/settings/linked_devices#)?\b2@[\w+/=,.-]{20,}"), "<qr>"),
    (
        re.compile(
            r"(?i)([\"']?(?:token|secret|password|api_key)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;}&]+"
        ),
        r"\1<masked>",
    ),
    (
        re.compile(
            r"(?<!company_)(?<!ping_)(?<!self_)(?<![\d.])(?!\d{4}-\d\d-\d\d)"
            r"\+?\d(?:[ ().\-\u00a0]{0,2}\d){9,14}(?!\d)"
        ),
        "<number>",
    ),
)
_TOO_SHORT_FOR_A_NUMBER: Final = 5
_PLAIN_KEYS: Final = frozenset({"timestamp", "level", "logger", "company_id", "stream_id", "port"})


def mask_text(text: str) -> str:
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def _mask(name: str, value: object) -> object:
    if name in _PLAIN_KEYS:
        return value
    if _SECRET_NAMES.search(name) and not (
        isinstance(value, bool) or (isinstance(value, str) and _STABLE_CODE.fullmatch(value))
    ):
        return "<masked>" if value else value
    if isinstance(value, Mapping):
        return {key: _mask(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_mask(name, item) for item in value]
    return _mask_scalar(name, value)


def _mask_scalar(name: str, value: object) -> object:
    if value is None or isinstance(value, bool | float):
        return value
    if _PHONE_NAMES.search(name) and len(str(value)) > _TOO_SHORT_FOR_A_NUMBER:
        return "<number>"
    return value if isinstance(value, int) else mask_text(str(value))


def mask_event(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Processor for structlog: nothing secret leaves through a log line."""
    return {name: _mask(name, value) for name, value in event.items()}


def configure_logging(settings: LogSettings, component: str) -> None:
    """Everything to stderr, as JSON lines or for a person; standard logging joins the chain."""
    shared_chain: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if settings.log_format == "console"
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared_chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_chain,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _component(component),
                mask_event,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("uvicorn.access", "engineio", "socketio", "whatsmeow"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def _component(name: str) -> Processor:
    def add(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["component"] = name
        return event

    return add


def configure_sentry(settings: CommonSettings, component: str) -> None:
    """Off without SENTRY_DSN. Errors carry the tags ``component`` and ``operation``."""
    dsn = settings.sentry_dsn.get_secret_value()
    if not dsn:
        return
    sentry_sdk.init(
        dsn=dsn,
        environment=settings.environment.value,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=_mask_sentry,
        before_breadcrumb=_mask_breadcrumb,
        integrations=[LoggingIntegration(level=None, event_level=None)],
    )
    sentry_sdk.set_tag("component", component)


def capture(error: BaseException, operation: str, **tags: str) -> None:
    """Send to Sentry with its operation; nothing happens while Sentry is off."""
    with sentry_sdk.new_scope() as scope:
        scope.set_tag("operation", operation)
        for name, value in tags.items():
            scope.set_tag(name, value)
        scope.capture_exception(error)


def _mask_sentry(event: Any, _hint: Any) -> Any:
    return _mask("event", cast("MutableMapping[str, object]", event))


def _mask_breadcrumb(crumb: Any, _hint: Any) -> Any:
    return _mask("crumb", cast("MutableMapping[str, object]", crumb))
