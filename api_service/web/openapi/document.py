"""The OpenAPI 3.1 document of the routes of an application. Schemas are made by pydantic."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from starlette.routing import BaseRoute, compile_path

from api_service.web.openapi.operation import (
    ADMIN_TOKEN,
    HEALTH_TOKEN,
    JSON,
    ONBOARDING_TOKEN,
    Answer,
    DocumentedRoute,
    Operation,
)
from shared.errors import AppError, ErrorCode

VERSION: Final = "3.1.0"
_REF: Final = "#/components/schemas/"

_SECURITY: Final = {
    ONBOARDING_TOKEN: "The token of the onboarding page's address: a JWT, good for one hour.",
    ADMIN_TOKEN: "Made by `python -m api_service.admin create`, or ADMIN_TOKEN.",
    HEALTH_TOKEN: "HEALTH_CHECK_TOKEN.",
}

_ERROR: Final = {
    "type": "object",
    "required": ["error", "message", "code"],
    "properties": {
        "error": {"type": "string", "description": "What happened, for people."},
        "message": {"type": "string", "description": "The same with the next step."},
        "code": {"type": "string", "enum": sorted(ErrorCode)},
        "retry_after": {"type": "integer", "description": "Seconds."},
    },
}

_Models = Mapping[tuple[Any, JsonSchemaMode], Any]
"""By model and by what it is for: to be read, or to be written."""


def openapi_document(routes: Iterable[BaseRoute], title: str, version: str) -> dict[str, Any]:
    """Of all `DocumentedRoute`s among them, those in mounts not included."""
    documented = [route for route in routes if isinstance(route, DocumentedRoute)]
    models, definitions = _schemas(route.operation for route in documented)
    paths: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for route in documented:
        _, path, _ = compile_path(route.path)
        paths[path][route.method.lower()] = _operation(route, models, definitions)
    return {
        "openapi": VERSION,
        "info": {"title": title, "version": version},
        "tags": [{"name": name} for name in sorted({it.operation.tag for it in documented})],
        "paths": dict(paths),
        "components": {
            "schemas": {**definitions, "Error": _ERROR},
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer", "description": text}
                for name, text in _SECURITY.items()
            },
        },
    }


def _schemas(operations: Iterable[Operation]) -> tuple[_Models, dict[str, Any]]:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
    for operation in operations:
        for model in (operation.query, operation.body):
            if model is not None:
                wanted[model, "validation"] = None
        for answer in operation.answers:
            if answer.model is not None:
                wanted[answer.model, "serialization"] = None
    models, schema = models_json_schema(list(wanted), ref_template=f"{_REF}{{model}}")
    return dict(models), schema.get("$defs", {})


def _operation(
    route: DocumentedRoute, models: _Models, definitions: Mapping[str, Any]
) -> dict[str, Any]:
    operation = route.operation
    told: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [
            *_path_parameters(operation),
            *_query_parameters(operation, models, definitions),
        ],
        "responses": _responses(operation, models),
    }
    if operation.description:
        told["description"] = operation.description
    if operation.body is not None:
        schema = models[operation.body, "validation"]
        told["requestBody"] = {
            "required": operation.body_needed,
            "content": {JSON: {"schema": schema}},
        }
    if operation.security:
        told["security"] = [{operation.security: []}, *([{}] if operation.open_to_all else [])]
    return told


def _operation_id(route: DocumentedRoute) -> str:
    _, path, _ = compile_path(route.path)
    words = "".join(letter if letter.isalnum() else " " for letter in path).split()
    return "_".join([route.method.lower(), *words])


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": dict(schema)}
        for name, schema in operation.path.items()
    ]


def _query_parameters(
    operation: Operation, models: _Models, definitions: Mapping[str, Any]
) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    name = models[operation.query, "validation"]["$ref"].removeprefix(_REF)
    schema = definitions[name]
    return [
        {
            "name": field,
            "in": "query",
            "required": field in schema.get("required", ()),
            "schema": _without_null(of_field),
        }
        for field, of_field in schema["properties"].items()
    ]


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A query has no null: what may be left out is left out."""
    kept = {name: value for name, value in schema.items() if (name, value) != ("default", None)}
    kinds = [kind for kind in kept.pop("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {**kinds[0], **kept}
    return {**kept, "anyOf": kinds} if kinds else kept


def _responses(operation: Operation, models: _Models) -> dict[str, Any]:
    told = {str(answer.status): _response(answer, models) for answer in operation.answers}
    by_status: defaultdict[int, list[ErrorCode]] = defaultdict(list)
    for code in dict.fromkeys(operation.errors):
        by_status[AppError(code).http_status].append(code)
    for status, codes in sorted(by_status.items()):
        refusal = _refusal(operation, codes)
        known = told.get(str(status))
        told[str(status)] = _either(known, refusal) if known else refusal
    return told


def _response(answer: Answer, models: _Models) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.text}
    if answer.kind:
        free = {"type": "object" if answer.kind == JSON else "string"}
        schema = models[answer.model, "serialization"] if answer.model else free
        told["content"] = {answer.kind: {"schema": schema}}
    if answer.headers:
        told["headers"] = _headers(answer.headers)
    return told


def _refusal(operation: Operation, codes: Sequence[ErrorCode]) -> dict[str, Any]:
    names = [code.value for code in codes]
    schema: dict[str, Any] = {"type": "string"}
    if operation.errors_as == JSON:
        schema = {
            "allOf": [{"$ref": f"{_REF}Error"}, {"properties": {"code": {"enum": names}}}],
        }
    told: dict[str, Any] = {
        "description": ", ".join(names),
        "content": {operation.errors_as: {"schema": schema}},
    }
    if operation.error_headers:
        told["headers"] = _headers(operation.error_headers)
    return told


def _either(known: dict[str, Any], refusal: dict[str, Any]) -> dict[str, Any]:
    """One status with two meanings: an answer of its own, and a refusal."""
    content = dict(known.get("content", {}))
    for kind, told in refusal["content"].items():
        mine = content.get(kind)
        content[kind] = {"schema": {"anyOf": [mine["schema"], told["schema"]]}} if mine else told
    return {
        **known,
        "description": f"{known['description']} {refusal['description']}".strip(),
        "content": content,
    }


def _headers(headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()
    }
