"""``/control/…``: the strings that a test or the page pulls. JSON in and out."""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.yclients.callbacks import Manner
from sandbox.yclients.connections import Connection, Salon
from sandbox.yclients.control_desk import ControlDesk
from sandbox.yclients.control_views import (
    Entity,
    Lifecycle,
    Reset,
    Stats,
    Switches,
    Told,
    view_salon,
)
from sandbox.yclients.envelope import Refused
from sandbox.yclients.quirks import Quirk
from sandbox.yclients.world import World

Endpoint = Callable[[Request], Awaitable[Response]]


class ControlApi:
    def __init__(self, world: World) -> None:
        self._world = world
        self._desk = ControlDesk(world.businesses)

    @property
    def routes(self) -> list[BaseRoute]:
        salon = "/control/salons/{salon_id:int}"
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", "/control/salons", self._salons),
            ("POST", "/control/salons", self._add_salon),
            ("GET", salon, self._salon),
            ("POST", f"{salon}/connect", self._connect),
            ("POST", f"{salon}/uninstall", self._uninstall),
            ("POST", f"{salon}/freeze", self._freeze),
            ("POST", f"{salon}/pay", self._pay),
            ("POST", f"{salon}/expire", self._expire),
            ("POST", f"{salon}/entity", self._entity),
            ("POST", f"{salon}/lifecycle", self._lifecycle),
            ("GET", f"{salon}/catalogue", self._desk.catalogue),
            ("GET", f"{salon}/records", self._desk.records),
            ("POST", f"{salon}/records", self._desk.book),
            ("DELETE", f"{salon}/records/{{record_id:int}}", self._desk.cancel),
            ("POST", f"{salon}/blacklist", self._desk.blacklist),
            ("GET", "/control/quirks", self._quirks),
            ("POST", "/control/quirks", self._add_quirk),
            ("DELETE", "/control/quirks", self._clear_quirks),
            ("DELETE", "/control/quirks/{quirk_id:int}", self._remove_quirk),
            ("GET", "/control/manner", self._manners),
            ("PUT", "/control/manner", self._manner),
            ("POST", "/control/held/go", self._let_go),
            ("PUT", "/control/switches", self._switches),
            ("GET", "/control/journal", self._journal),
            ("GET", "/control/deliveries", self._deliveries),
            ("GET", "/control/stats", self._stats),
            ("POST", "/control/reset", self._reset),
        ]
        return [Route(path, _guarded(endpoint), methods=[verb]) for verb, path, endpoint in table]

    async def _salons(self, _request: Request) -> Response:
        return _many(view_salon(connection) for connection in self._world.connections.all())

    async def _add_salon(self, request: Request) -> Response:
        salon = Salon.model_validate_json(await request.body())
        return _one(view_salon(self._world.connections.add(salon)))

    async def _salon(self, request: Request) -> Response:
        return _one(view_salon(self._of(request)))

    async def _connect(self, request: Request) -> Response:
        """What the owner's browser is sent to."""
        return JSONResponse({"url": self._world.redirect(self._of(request))})

    async def _uninstall(self, request: Request) -> Response:
        connection, asked = self._of(request), await _told(request)
        self._world.uninstall(connection, told=asked.told)
        return _one(view_salon(connection))

    async def _freeze(self, request: Request) -> Response:
        connection, asked = self._of(request), await _told(request)
        self._world.freeze(connection, told=asked.told)
        return _one(view_salon(connection))

    async def _pay(self, request: Request) -> Response:
        connection, asked = self._of(request), await _told(request)
        self._world.pay(connection, told=asked.told)
        return _one(view_salon(connection))

    async def _expire(self, request: Request) -> Response:
        connection = self._of(request)
        self._world.connections.expire_pending(connection)
        return _one(view_salon(connection))

    async def _entity(self, request: Request) -> Response:
        connection = self._of(request)
        entity = Entity.model_validate_json(await request.body())
        self._world.callbacks.entity(connection, entity.model_dump())
        return _one(view_salon(connection))

    async def _lifecycle(self, request: Request) -> Response:
        connection = self._of(request)
        asked = Lifecycle.model_validate_json(await request.body())
        self._world.callbacks.lifecycle(connection, asked.event, **asked.more)
        return _one(view_salon(connection))

    async def _quirks(self, _request: Request) -> Response:
        return _many(self._world.quirks.all())

    async def _add_quirk(self, request: Request) -> Response:
        return _one(self._world.quirks.add(Quirk.model_validate_json(await request.body())))

    async def _clear_quirks(self, _request: Request) -> Response:
        self._world.quirks.clear()
        return JSONResponse({})

    async def _remove_quirk(self, request: Request) -> Response:
        if not self._world.quirks.remove(request.path_params["quirk_id"]):
            raise LookupError
        return JSONResponse({})

    async def _manners(self, _request: Request) -> Response:
        return _many(self._world.callbacks.manners())

    async def _manner(self, request: Request) -> Response:
        manner = Manner.model_validate_json(await request.body())
        self._world.callbacks.deliver(manner)
        return _one(manner)

    async def _let_go(self, _request: Request) -> Response:
        return JSONResponse({"sent": self._world.callbacks.let_go()})

    async def _switches(self, request: Request) -> Response:
        self._world.switch(**Switches.model_validate_json(await request.body()).model_dump())
        return JSONResponse({})

    async def _journal(self, request: Request) -> Response:
        salon_id = request.query_params.get("salon_id")
        after = request.query_params.get("after")
        return _many(
            self._world.journal.all(
                request.query_params.get("operation"),
                _number(salon_id) if salon_id else None,
                _number(after) if after else 0,
            )
        )

    async def _deliveries(self, _request: Request) -> Response:
        return _many(self._world.callbacks.deliveries)

    async def _stats(self, _request: Request) -> Response:
        limit = self._world.limit
        return _one(
            Stats(
                calls=limit.calls,
                most_in_a_second=limit.most_in_a_second,
                most_in_a_minute=limit.most_in_a_minute,
                refused=limit.refused,
                held=self._world.callbacks.held,
            )
        )

    async def _reset(self, request: Request) -> Response:
        asked = Reset.model_validate_json(await request.body() or b"{}")
        self._world.reset(salons=asked.salons)
        return JSONResponse({})

    def _of(self, request: Request) -> Connection:
        connection = self._world.connections.find(request.path_params["salon_id"])
        if connection is None:
            raise LookupError
        return connection


async def _told(request: Request) -> Told:
    return Told.model_validate_json(await request.body() or b"{}")


def _number(text: str) -> int:
    """Raise LookupError for what is none: there is nothing of that number."""
    if not (text.isascii() and text.isdecimal()):
        raise LookupError
    return int(text)


def _guarded(endpoint: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except LookupError:
            return JSONResponse({"error": "there is no such thing", "code": "NOT_FOUND"}, 404)
        except Refused as refused:
            return refused.answer
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(map(str, first["loc"]))
            return JSONResponse({"error": f"{place}: {first['msg']}", "code": "BAD_REQUEST"}, 400)

    return answer


def _one(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")


def _many(models: Any) -> Response:
    items = ",".join(model.model_dump_json() for model in models)
    return Response(f"[{items}]", media_type="application/json")
