"""``/control/…``: the strings that a test or the page pulls. JSON in and out."""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.yclients.callbacks import Manner
from sandbox.yclients.connections import Connection, Salon, Source, Status
from sandbox.yclients.quirks import Quirk
from sandbox.yclients.redirect import redirect_url
from sandbox.yclients.world import World

Endpoint = Callable[[Request], Awaitable[Response]]


class Uninstall(BaseModel):
    """``told``: whether a callback is sent."""

    told: bool = True


class Entity(BaseModel):
    """``data`` may be partial, as YClients' is (D3)."""

    resource: str
    resource_id: int
    status: str = Field(pattern="^(create|update|delete)$")
    data: Any = None


class Lifecycle(BaseModel):
    """A callback as somebody made it up; the connection stays as it is."""

    event: str
    more: dict[str, Any] = {}


class Switches(BaseModel):
    rate_limit: bool | None = None
    pending_lifetime_s: float | None = Field(default=None, gt=0)
    has_tariffs: bool | None = None


class SalonView(BaseModel):
    """``api_key``: only here, so that a test can see what has arrived."""

    salon_id: int
    title: str
    status: Status
    api_key: str | None
    webhook_urls: list[str]
    callbacks: int
    payments: int
    discount: float | None
    channels: dict[str, bool]
    short_names: list[str]
    history: list[str]


class Stats(BaseModel):
    most_in_a_second: int
    most_in_a_minute: int
    held: int


def view(connection: Connection) -> SalonView:
    return SalonView(
        salon_id=connection.salon.salon_id,
        title=connection.salon.title,
        status=connection.status,
        api_key=connection.api_key,
        webhook_urls=connection.webhook_urls,
        callbacks=connection.callbacks,
        payments=len(connection.payments),
        discount=connection.discount,
        channels=connection.channels,
        short_names=connection.short_names,
        history=[change.status_to.value for change in connection.changes],
    )


class ControlApi:
    def __init__(self, world: World) -> None:
        self._world = world

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
            ("GET", "/control/quirks", self._quirks),
            ("POST", "/control/quirks", self._add_quirk),
            ("DELETE", "/control/quirks", self._clear_quirks),
            ("DELETE", "/control/quirks/{quirk_id:int}", self._remove_quirk),
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
        return _many(view(connection) for connection in self._world.connections.all())

    async def _add_salon(self, request: Request) -> Response:
        salon = Salon.model_validate_json(await request.body())
        return _one(view(self._world.connections.add(salon)))

    async def _salon(self, request: Request) -> Response:
        return _one(view(self._of(request)))

    async def _connect(self, request: Request) -> Response:
        """What the owner's browser is sent to."""
        connection = self._of(request)
        self._world.connections.connect(connection)
        url = redirect_url(self._world.api_url, self._world.partner_token, connection.salon)
        return JSONResponse({"url": url})

    async def _uninstall(self, request: Request) -> Response:
        connection = self._of(request)
        asked = Uninstall.model_validate_json(await request.body() or b"{}")
        if self._world.connections.uninstall(connection, Source.OWNER) and asked.told:
            self._world.callbacks.lifecycle(connection, "uninstall")
        return _one(view(connection))

    async def _freeze(self, request: Request) -> Response:
        connection = self._of(request)
        asked = Uninstall.model_validate_json(await request.body() or b"{}")
        if self._world.connections.freeze(connection) and asked.told:
            self._world.callbacks.lifecycle(connection, "freeze")
        return _one(view(connection))

    async def _pay(self, request: Request) -> Response:
        connection = self._of(request)
        asked = Uninstall.model_validate_json(await request.body() or b"{}")
        self._world.pay(connection, told=asked.told)
        return _one(view(connection))

    async def _expire(self, request: Request) -> Response:
        connection = self._of(request)
        self._world.connections.expire_pending(connection)
        return _one(view(connection))

    async def _entity(self, request: Request) -> Response:
        connection = self._of(request)
        entity = Entity.model_validate_json(await request.body())
        self._world.callbacks.entity(connection, entity.model_dump())
        return _one(view(connection))

    async def _lifecycle(self, request: Request) -> Response:
        connection = self._of(request)
        asked = Lifecycle.model_validate_json(await request.body())
        self._world.callbacks.lifecycle(connection, asked.event, **asked.more)
        return _one(view(connection))

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

    async def _manner(self, request: Request) -> Response:
        self._world.callbacks.manner = Manner.model_validate_json(await request.body())
        return _one(self._world.callbacks.manner)

    async def _let_go(self, _request: Request) -> Response:
        return JSONResponse({"sent": self._world.callbacks.let_go()})

    async def _switches(self, request: Request) -> Response:
        self._world.switch(**Switches.model_validate_json(await request.body()).model_dump())
        return JSONResponse({})

    async def _journal(self, request: Request) -> Response:
        salon_id = request.query_params.get("salon_id")
        operation = request.query_params.get("operation")
        return _many(self._world.journal.all(operation, int(salon_id) if salon_id else None))

    async def _deliveries(self, _request: Request) -> Response:
        return _many(self._world.callbacks.deliveries)

    async def _stats(self, _request: Request) -> Response:
        limit = self._world.limit
        return _one(
            Stats(
                most_in_a_second=limit.most_in_a_second,
                most_in_a_minute=limit.most_in_a_minute,
                held=self._world.callbacks.held,
            )
        )

    async def _reset(self, _request: Request) -> Response:
        """Quirks, manner, journal and counters; salons stay."""
        self._world.reset()
        return JSONResponse({})

    def _of(self, request: Request) -> Connection:
        connection = self._world.connections.find(request.path_params["salon_id"])
        if connection is None:
            raise LookupError
        return connection


def _guarded(endpoint: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except LookupError:
            return JSONResponse({"error": "there is no such thing", "code": "NOT_FOUND"}, 404)
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
