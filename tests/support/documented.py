"""Compares every answer that a test gets with what the running application says of itself."""

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import jsonschema_rs
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from api_service.web.openapi.document import openapi_document
from api_service.web.openapi.operation import DocumentedRoute

EXEMPT: Final = frozenset(
    {
        "/socket.io",  # Socket.IO is documented by its own contract
        "/socket.io/socket.io.js",
        "/marketplace/assets",
        "/docs/swagger_bundle.js",
        "/docs/swagger_style.css",
        "/docs/reference.js",
    }
)
"""Static files and Socket.IO: all that is not documented, by name."""

_UNROUTED: Final = {404, 405}


def undocumented(routes: Iterable[BaseRoute]) -> list[str]:
    """Paths of routes that are neither documented nor exempt."""
    found = []
    for route in routes:
        assert isinstance(route, Route | Mount), f"a route of an unknown kind: {route!r}"
        if not isinstance(route, DocumentedRoute) and route.path not in EXEMPT:
            found.append(route.path)
    return found


class UndocumentedAnswerError(AssertionError):
    """The document does not allow this answer."""


@dataclass(frozen=True)
class _Operation:
    id: str
    method: str
    path: re.Pattern[str]
    responses: dict[str, Any]


class Documented:
    """The document of an application, as strict as it can be read: no field beyond those named."""

    def __init__(self, application: Starlette) -> None:
        self.document = openapi_document(application.routes, "", "")
        self._components = {"schemas": _strict(self.document["components"]["schemas"])}
        self._validators: dict[str, Any] = {}
        self.operations = [
            _Operation(
                told["operationId"],
                method.upper(),
                re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))),
                told["responses"],
            )
            for path, methods in self.document["paths"].items()
            for method, told in methods.items()
        ]

    def check(self, method: str, path: str, answer: httpx2.Response) -> str | None:
        """The operation's id, None for an address without one. Raises UndocumentedAnswerError."""
        operation = self._operation(method, path)
        if operation is None:
            return None
        told = operation.responses.get(str(answer.status_code))
        where = f"{method} {path} {answer.status_code}"
        if told is None:
            raise UndocumentedAnswerError(f"{where}: this status is not documented")
        self._check_headers(where, told, answer)
        self._check_content(where, operation.id, told, answer)
        return operation.id

    def _operation(self, method: str, path: str) -> _Operation | None:
        for operation in self.operations:
            if operation.method == method and operation.path.fullmatch(path):
                return operation
        return None

    def _check_headers(self, where: str, told: dict[str, Any], answer: httpx2.Response) -> None:
        missing = [name for name in told.get("headers", ()) if name not in answer.headers]
        if missing:
            raise UndocumentedAnswerError(f"{where}: documented headers are missing: {missing}")

    def _check_content(
        self, where: str, operation: str, told: dict[str, Any], answer: httpx2.Response
    ) -> None:
        kind = answer.headers.get("content-type", "").partition(";")[0]
        content = told.get("content", {})
        if not content:
            if answer.content:
                raise UndocumentedAnswerError(f"{where}: a body, where none is documented")
            return
        if kind not in content:
            raise UndocumentedAnswerError(f"{where}: {kind!r}, where {[*content]} is documented")
        if kind == "application/json":
            self._check_json(where, f"{operation} {answer.status_code}", content[kind], answer)

    def _check_json(
        self, where: str, name: str, media: dict[str, Any], answer: httpx2.Response
    ) -> None:
        if name not in self._validators:
            schema = {**media["schema"], "components": self._components}
            self._validators[name] = jsonschema_rs.Draft202012Validator(schema)
        found = self._validators[name].iter_errors(answer.json())
        faults = [f"{fault.instance_path}: {fault.message[:300]}" for fault in found]
        if faults:
            raise UndocumentedAnswerError(f"{where}: {faults}")


def _strict(schemas: dict[str, Any]) -> dict[str, Any]:
    """With no properties beyond those named, where any are; but an error's context rides along."""
    strict = copy.deepcopy(schemas)
    for name, schema in strict.items():
        if name != "Error" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return strict
