"""Each call once in the log and in the metrics: never a token, a key, an address or a body."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import structlog
from prometheus_client import Histogram

from api_service.yclients.errors import YclientsError
from api_service.yclients.transport import Call

_log = structlog.get_logger(__name__)
_seconds = Histogram(
    "yclients_call_seconds",
    "Calls to YClients, their waiting and retries included",
    ["operation", "outcome"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30),
)
_waited = Histogram(
    "yclients_budget_wait_seconds",
    "How long calls to YClients waited for their turn",
    buckets=(0.01, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30),
)


@contextmanager
def measured(call: Call) -> Iterator[None]:
    """``outcome`` is ``ok``, ``cancelled``, or the reason of the YclientsError."""
    started = perf_counter()
    outcome = "cancelled"
    try:
        yield
        outcome = "ok"
    except YclientsError as error:
        outcome = error.reason
        raise
    finally:
        _note(call, outcome, perf_counter() - started)


def _note(call: Call, outcome: str, seconds: float) -> None:
    _seconds.labels(operation=call.operation, outcome=outcome).observe(seconds)
    _waited.observe(call.waited_s)
    log = _log.info if outcome == "ok" else _log.warning
    log(
        "yclients_called",
        operation=call.operation,
        salon_id=call.salon_id,
        status=call.status,
        outcome=outcome,
        duration_ms=round(seconds * 1000),
        attempts=call.attempts,
        waited_ms=round(call.waited_s * 1000),
    )
