"""Whatever fits the document, or nearly fits it, is answered as the document says.

Cases are the same in every run: boundary values, and a number of generated ones.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis import Case, GenerationMode, HookContext
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import StopReason, events, from_schema
from starlette.applications import Starlette

from api_service.app import build_app
from tests.support.admin_world import ADMIN, rows
from tests.support.api import ADMIN_TOKEN, api_settings, signed_query, token_for
from tests.support.attacked_api import attacked_api
from tests.support.documented import Documented

SALON = 5001
EXAMPLES = 6
FEWEST_CASES = 700


@pytest.fixture
def attacked(database_url: str, redis_url: str) -> Iterator[str]:
    rows(
        database_url,
        "INSERT INTO companies (yclients_id, integration_status) VALUES (%s, 'active')",
        SALON,
    )
    settings = api_settings(
        database_url,
        redis_url,
        admin_requests_per_minute=1_000_000,
        qr_deadline_s=1,
        yclients_breaker_failures=1,
    )
    with attacked_api(settings) as url:
        yield url


@pytest.mark.timeout(600)
def test_every_answer_is_as_documented(attacked: str) -> None:
    schema = schemathesis.openapi.from_dict(_document(), config=_config(attacked))
    cases, labels, faults = 0, set(), []
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished(recorder=recorder):
                cases += len(recorder.cases)
                labels.add(recorder.label)
                faults += _faults(recorder)
            case events.NonFatalError(label=label, value=error):
                faults.append(f"{label}: {error!r}")
            case events.FatalError(exception=error):
                raise error
            case events.EngineFinished(stop_reason=reason):
                assert reason is StopReason.COMPLETED
    assert faults == []
    assert len(labels) == len(schema)
    assert cases >= FEWEST_CASES


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """What no generator can guess: signatures and tokens."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if case.operation.path == "/auth/yclients/redirect":
        case.query = {"salon_id": str(SALON), **signed_query()}
    elif case.operation.path == "/marketplace/activate":
        case.body = {"token": token_for(SALON)}


def _document() -> dict[str, object]:
    nowhere = api_settings("postgres://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1")
    application = build_app(nowhere).asgi
    assert isinstance(application, Starlette)
    return Documented(application).document


def _config(url: str) -> SchemathesisConfig:
    """Checks left out, because the contract has it otherwise.

    503 is an answer, where it is documented; what has the right shape may not exist; what YClients
    sends is answered by 200 whatever it is.
    """
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "suppress-health-check": ["too_slow"],  # the machine may be, not what makes up cases
            "base-url": url,
            # More would wait for one another, and Python 3.11 may fail when two threads parse.
            "workers": 1,
            "headers": {"Authorization": f"Bearer {token_for(SALON)}"},
            "operations": [
                {
                    "include-path-regex": f"^{ADMIN}/",
                    "headers": {"Authorization": f"Bearer {ADMIN_TOKEN}"},
                },
                {
                    "include-path-regex": "^/webhook/",
                    "checks": {"negative_data_rejection": {"enabled": False}},
                },
            ],
            "request-timeout": 60,
            "max-redirects": 0,
            "checks": {
                "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", 503]},
                "positive_data_acceptance": {"enabled": False},
            },
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none"},
            "phases": {"stateful": {"enabled": False}},
        }
    )


def _faults(recorder: Any) -> list[str]:
    return [
        f"{recorder.label}: {check.name}: {check.failure_info.failure}"
        for checks in recorder.checks.values()
        for check in checks
        if check.failure_info is not None
    ]
