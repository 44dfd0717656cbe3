"""The OpenAPI document: whole, sound, and true of what the running application answers."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import jsonschema_rs
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from api_service.core.vault import Vault
from api_service.store.admin_tokens import Role
from shared.company_id import SessionId
from shared.messages.commands import Command
from tests.support.admin_world import ADMIN, AdminWorld
from tests.support.api import ENCRYPTION_KEY, PARTNER_TOKEN, signed_query, token_for
from tests.support.documented import Documented, undocumented
from tests.support.scripted_yclients import success
from tests.support.whatsapp_side import whatsapp_side

pytestmark = pytest.mark.asyncio(loop_scope="module")

SALON = 4001
PAYMENT = {
    "payment_sum": 990,
    "currency_iso": "RUB",
    "payment_date": "2026-03-01 10:05:00",
    "period_from": "2026-03-01 00:00:00",
    "period_to": "2026-04-01 00:00:00",
}
OF_SALON = f"{ADMIN}/salons/{SALON}"

REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "get_auth_yclients_redirect": (
        "/auth/yclients/redirect",
        {"params": {"salon_id": str(SALON), **signed_query()}},
    ),
    "get_marketplace_onboarding": (
        "/marketplace/onboarding",
        {"params": {"token": token_for(SALON)}},
    ),
    "post_marketplace_api_qr": ("/marketplace/api/qr", {}),
    "get_marketplace_api_status_session_id": (
        f"/marketplace/api/status/company_{SALON}",
        {},
    ),
    "post_marketplace_activate": ("/marketplace/activate", {"json": {"token": token_for(SALON)}}),
    "get_health": ("/health", {}),
    "get_health_pubsub": ("/health/pubsub", {}),
    "get_health_pubsub_simple": ("/health/pubsub/simple", {}),
    "get_health_whatsapp": ("/health/whatsapp", {}),
    "get_health_company_id": (f"/health/company/{SALON}", {}),
    "get_marketplace_health": ("/marketplace/health", {}),
    "get_metrics": ("/metrics", {}),
    "get_openapi_json": ("/openapi.json", {}),
    "get_docs": ("/docs", {}),
    "get_marketplace_admin_salons": (f"{ADMIN}/salons", {}),
    "get_marketplace_admin_salons_salon_id": (OF_SALON, {}),
    "post_marketplace_admin_salons_salon_id_activation_retry": (
        f"{ADMIN}/salons/{SALON + 1}/activation/retry",
        {},
    ),
    "post_marketplace_admin_salons_salon_id_invitation": (f"{OF_SALON}/invitation", {}),
    "get_marketplace_admin_salons_salon_id_connection": (f"{OF_SALON}/connection", {}),
    "get_marketplace_admin_salons_salon_id_payment_link": (f"{OF_SALON}/payment-link", {}),
    "get_marketplace_admin_tariffs": (f"{ADMIN}/tariffs", {}),
    "post_marketplace_admin_salons_salon_id_payments": (
        f"{OF_SALON}/payments",
        {"json": PAYMENT},
    ),
    "post_marketplace_admin_payments_payment_id_refund": (f"{ADMIN}/payments/9/refund", {}),
    "post_marketplace_admin_discounts": (
        f"{ADMIN}/discounts",
        {"json": {"salon_ids": [SALON], "discount": 5}},
    ),
    "post_marketplace_admin_salons_salon_id_channels": (
        f"{OF_SALON}/channels",
        {"json": {"channel_slug": "sms", "is_available": True}},
    ),
    "post_marketplace_admin_salons_salon_id_sms_names": (
        f"{OF_SALON}/sms-names",
        {"json": {"short_names": ["SALON"]}},
    ),
    "get_marketplace_admin_circuit_breaker_stats": (f"{ADMIN}/circuit-breaker/stats", {}),
    "post_marketplace_admin_circuit_breaker_reset": (f"{ADMIN}/circuit-breaker/reset", {}),
    "post_marketplace_admin_salons_salon_id_disconnect": (
        f"{ADMIN}/salons/{SALON + 2}/disconnect",
        {},
    ),
    "get_marketplace_admin_webhooks": (f"{ADMIN}/webhooks", {}),
    "post_marketplace_admin_webhooks_webhook_id_replay": (f"{ADMIN}/webhooks/openapi/replay", {}),
    "get_marketplace_admin_set_aside": (f"{ADMIN}/set-aside", {}),
    "post_marketplace_admin_set_aside_id_replay": (f"{ADMIN}/set-aside/1-1/replay", {}),
    "post_webhook_yclients": (
        "/webhook/yclients",
        {"json": {"event": "freeze", "salon_id": SALON + 9, "partner_token": PARTNER_TOKEN}},
    ),
    "post_webhook_yclients_collector": ("/webhook/yclients/collector", {"json": {"new": 1}}),
    "post_webhook_yclients_hook_salon_id_secret": (
        f"/webhook/yclients/hook/{SALON}/the-secret",
        {
            "json": {
                "company_id": SALON,
                "resource": "record",
                "resource_id": 1,
                "status": "update",
            }
        },
    ),
    "get_marketplace_admin_audit": (f"{ADMIN}/audit", {}),
}
"""A request of each operation that is answered as it was meant."""

YCLIENTS_ANSWER = {
    "connection_status": {"status": "active"},
    "url": "https://yclients.example/pay",
    "id": 9,
}


async def test_every_route_is_documented_or_exempt_by_name(admin_world: AdminWorld) -> None:
    assert undocumented(_application(admin_world).routes) == []


async def test_the_document_that_is_served_is_sound(admin_world: AdminWorld) -> None:
    answer = await admin_world.api.http.get("/openapi.json")

    document = answer.json()
    assert document["openapi"] == "3.1.0"
    assert document == {**Documented(_application(admin_world)).document, "info": document["info"]}
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        jsonschema_rs.meta.validate(schema)
    assert {ref.removeprefix("#/components/schemas/") for ref in _refs(document)} <= set(schemas)
    ids = [it["operationId"] for methods in document["paths"].values() for it in methods.values()]
    assert len(ids) == len(set(ids))
    for path, methods in document["paths"].items():
        for told in methods.values():
            in_path = {it["name"] for it in told["parameters"] if it["in"] == "path"}
            assert in_path == set(re.findall(r"\{(\w+)\}", path))


async def test_every_operation_answers_as_it_is_documented(
    admin_world: AdminWorld, valkey_url: str
) -> None:
    """A new one needs a request here, by which it does what it is for."""
    sealed = Vault([SecretStr(ENCRYPTION_KEY)]).seal("the-secret")
    admin_world.salon(SALON, "active", title="Ромашка", webhook_secret=sealed)
    admin_world.salon(SALON + 2, "active")
    admin_world.webhook("openapi", SALON + 3, "failed")
    admin_world.set_aside(SALON + 4, "1-1")
    admin_world.salon(SALON + 1, "activation_failed", whatsapp_connected=True)
    document = Documented(_application(admin_world))
    assert set(REQUESTS) == {operation.id for operation in document.operations}
    headers = {
        "admin": admin_world.bearer(Role.SUPERADMIN),
        "other": {"Authorization": f"Bearer {token_for(SALON)}"},
    }
    async with whatsapp_side(valkey_url) as whatsapp:

        async def react(command: Command) -> None:
            await whatsapp.qr(command.company_id, "qr-text")

        whatsapp.reaction = react
        await whatsapp.qr(SessionId(f"company_{SALON}"), "qr-text")
        for operation in document.operations:
            path, request = REQUESTS[operation.id]
            lists = operation.id.endswith("tariffs")
            admin_world.yclients.will(success([] if lists else YCLIENTS_ANSWER))
            kind = "admin" if path.startswith(ADMIN) else "other"
            answer = await _asked(
                admin_world, operation.method, path, headers=headers[kind], **request
            )
            assert answer.status_code in {200, 302}, f"{operation.id}: {answer.text}"
            assert document.check(operation.method, path, answer) == operation.id


async def _asked(world: AdminWorld, method: str, path: str, **request: Any) -> httpx2.Response:
    """Of its health an API on a busy machine may not know in time: it is asked once more."""
    answer = await world.api.http.request(method, path, **request)
    if method == "GET" and answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
        answer = await world.api.http.request(method, path, **request)
    return answer


def _application(world: AdminWorld) -> Starlette:
    application = world.api.application.asgi
    assert isinstance(application, Starlette)
    return application


def _refs(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _refs(item)
