"""Logs without secrets or numbers, and Sentry with tags.

Everything that is logged, by us or by a library, passes one chain of processors whose last step
masks; a secret that slips into an error text is masked as well. What nobody caught is logged too,
or Python would write it to standard error as it is.
"""

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from types import TracebackType
from typing import Any, cast

import structlog
from pydantic import SecretStr
from structlog.types import EventDict, Processor

from shared.masking import hide, mask, mask_event
from shared.settings import CommonSettings, LogSettings


def configure_logging(settings: LogSettings, component: str) -> None:
    """Everything to stderr, as JSON lines or for a person; standard logging joins the chain."""
    hide(
        value.get_secret_value()
        for name in type(settings).model_fields
        if isinstance(value := getattr(settings, name), SecretStr)
    )
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
    for noisy in ("uvicorn.access", "engineio", "socketio", "whatsmeow", "httpx2"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def log_what_nobody_caught() -> None:
    """Errors that end the process or a thread, and those in destructors; warnings as well."""
    sys.excepthook = _log_last_words
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_thread_end
    logging.captureWarnings(capture=True)


def _log_last_words(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger(__name__).critical("process_failed", exc_info=(kind, error, traceback))


def _log_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    structlog.get_logger(__name__).error("error_ignored", exc_info=unraisable.exc_value)


def _log_thread_end(ended: threading.ExceptHookArgs) -> None:
    structlog.get_logger(__name__).error("thread_failed", exc_info=ended.exc_value)


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
    import sentry_sdk  # noqa: PLC0415 - takes as long as all else, and is used here at the earliest
    from sentry_sdk.integrations.logging import LoggingIntegration  # noqa: PLC0415 - as above

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
    with _sentry_scope(operation, tags) as scope:
        if scope is not None:
            scope.capture_exception(error)


def warn(message: str, operation: str, **tags: str) -> None:
    """A warning in Sentry, for what is no error but should be looked at."""
    with _sentry_scope(operation, tags) as scope:
        if scope is not None:
            scope.capture_message(message, level="warning")


@contextlib.contextmanager
def _sentry_scope(operation: str, tags: Mapping[str, str]) -> Iterator[Any]:
    """None while nobody has loaded Sentry."""
    sentry = sys.modules.get("sentry_sdk")
    if sentry is None:
        yield None
        return
    with sentry.new_scope() as scope:
        scope.set_tag("operation", operation)
        for name, value in tags.items():
            scope.set_tag(name, value)
        yield scope


def _mask_sentry(event: Any, _hint: Any) -> Any:
    return mask("event", cast("MutableMapping[str, object]", event))


def _mask_breadcrumb(crumb: Any, _hint: Any) -> Any:
    return mask("crumb", cast("MutableMapping[str, object]", crumb))
