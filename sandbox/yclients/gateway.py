"""The HTTP side: reads a call, notes it, lets quirks strike, and has it answered."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.yclients.answers import Answers, Fields
from sandbox.yclients.door import Doorkeeper
from sandbox.yclients.envelope import invalid, refusal
from sandbox.yclients.journal import Entry, Journal
from sandbox.yclients.operations import CALLS, WITHOUT_BODY, Call, Door, Operation
from sandbox.yclients.quirks import QuirkKind, Quirks
from sandbox.yclients.wrong_answers import Reset, wrong_answer

_WITH_BODY: Final = frozenset({"POST", "PUT"})


class Gateway:
    def __init__(
        self, answers: Answers, quirks: Quirks, journal: Journal, doorkeeper: Doorkeeper
    ) -> None:
        self._answers = answers
        self._quirks = quirks
        self._journal = journal
        self._doorkeeper = doorkeeper

    @property
    def routes(self) -> list[BaseRoute]:
        return [Route(call.path, self._endpoint(call), methods=[call.method]) for call in CALLS]

    def _endpoint(self, call: Call) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            body, fault = await _body(request, call.operation)
            query = _query(request)
            fields: Fields = {**query, **(body or {}), **request.path_params}
            salon_id = _salon_id(fields)
            if call.door is Door.HASH:
                fields["by_user"] = self._doorkeeper.is_user(request, salon_id)
            entry = self._journal.note(request, call.operation, salon_id, query, body)
            refused = self._doorkeeper.refuse(request, call, salon_id) or fault
            response = refused or await self._carry_out(call.operation, fields, entry)
            self._journal.answered(entry, None if isinstance(response, Reset) else response)
            return response

        return answer

    async def _carry_out(self, operation: Operation, fields: Fields, entry: Entry) -> Response:
        quirk = self._quirks.strike(operation, entry.salon_id)
        if quirk is None:
            return self._answers.answer(operation, fields)
        entry.quirk = quirk.kind
        if quirk.kind is QuirkKind.HELD:
            await self._quirks.cleared()
            return self._answers.answer(operation, fields)
        right: Response | None = None
        if quirk.applied or quirk.kind is QuirkKind.LATENCY:
            right = self._answers.answer(operation, fields)
        return await wrong_answer(quirk, right)


def _salon_id(fields: Fields) -> int | None:
    given = str(fields.get("salon_id"))
    return int(given) if given.isascii() and given.isdecimal() else None


def _query(request: Request) -> Fields:
    """`name[]=1&name[]=2` is a list, as PHP reads it; a comma is no separator (D1)."""
    query: Fields = {}
    for name, value in request.query_params.multi_items():
        bare, bracket, _ = name.partition("[")
        if bracket:
            query.setdefault(bare, []).append(value)
        else:
            query[name] = value
    return query


async def _body(request: Request, operation: Operation) -> tuple[Fields | None, Response | None]:
    """The JSON object of a POST or PUT, or what is wrong with it."""
    if request.method not in _WITH_BODY:
        return None, None
    raw = await request.body()
    if not raw and operation in WITHOUT_BODY:
        return {}, None
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return None, refusal(415, "Content-Type: application/json")
    try:
        value: Any = json.loads(raw)
    except ValueError:
        return None, refusal(400, "Неверный JSON")
    if not isinstance(value, dict):
        return None, invalid(body="Ожидался объект")
    return value, None
