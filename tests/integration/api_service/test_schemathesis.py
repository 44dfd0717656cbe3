"""Whatever fits the document, or nearly fits it, is answered as the document says.

Cases are the same in every run: boundary values, and a number of generated ones.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.config import SchemathesisConfig
from starlette.applications import Starlette

from api_service.app import build_app
from tests.support.admin_world import ADMIN, rows
from tests.support.api import ADMIN_TOKEN, api_settings, signed_query, token_for
from tests.support.attacked_api import attacked_api
from tests.support.documented import Documented

SALON = 5001
EXAMPLES = 12
WAIT_S = 10.0
LEFT_OUT: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,  # 503 is an answer, where it is documented
    schemathesis.checks.positive_data_acceptance,  # what has the right shape may not exist
]


def _document() -> dict[str, object]:
    nowhere = api_settings("postgres://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1")
    application = build_app(nowhere).asgi
    assert isinstance(application, Starlette)
    return Documented(application).document


def _config() -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none"},
            "phases": {"stateful": {"enabled": False}},
        }
    )


schema = schemathesis.openapi.from_dict(_document(), config=_config())


@pytest.fixture(scope="module")
def attacked(module_database_url: str, valkey_url: str) -> Iterator[str]:
    rows(
        module_database_url,
        "INSERT INTO companies (yclients_id, integration_status) VALUES (%s, 'active')",
        SALON,
    )
    settings = api_settings(
        module_database_url, valkey_url, admin_requests_per_minute=1_000_000, qr_deadline_s=1
    )
    with attacked_api(settings) as url:
        yield url


@schema.parametrize()
def test_every_answer_is_as_documented(case: Case[Any], attacked: str) -> None:
    if case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
        _make_welcome(case)
    token = ADMIN_TOKEN if case.operation.path.startswith(ADMIN) else token_for(SALON)
    response = case.call(
        base_url=attacked,
        headers={"Authorization": f"Bearer {token}"},
        timeout=WAIT_S,
        allow_redirects=False,
    )
    assert response.status_code not in {500, 502}
    case.validate_response(response, excluded_checks=LEFT_OUT)


def _make_welcome(case: Case[Any]) -> None:
    """What no generator can guess: signatures and tokens."""
    if case.operation.path == "/auth/yclients/redirect":
        case.query = {"salon_id": str(SALON), **signed_query()}
    elif case.operation.path == "/marketplace/activate":
        case.body = {"token": token_for(SALON)}
