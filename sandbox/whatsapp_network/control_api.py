"""The HTTP side of the sandbox: phones to act on, faults to switch, counters to read."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox.whatsapp_network import silence
from sandbox.whatsapp_network.account import Companion
from sandbox.whatsapp_network.device_troubles import DeviceTroubles
from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.faults import FaultSpec
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.phone import Phone
from sandbox.whatsapp_network.phone_signs import give_sign
from sandbox.whatsapp_network.picture import PICTURE_MAX_BYTES, read_qr
from sandbox.whatsapp_network.screens import Screens
from sandbox.whatsapp_network.settings import NetworkSettings
from sandbox.whatsapp_network.views import (
    Dropped,
    DropRequest,
    ErrorView,
    EventList,
    FaultList,
    GivenSign,
    NewPhone,
    NewScreen,
    PhoneList,
    Scan,
    ScreenList,
    ScreenView,
    SignRequest,
    TypedCode,
    UnknownStanzaList,
    view_device,
    view_phone,
)

PAGE: Final = Path(__file__).with_name("phone_page")
BODY_MAX_BYTES: Final = 64 * 1024
LOOPBACK_ORIGINS: Final = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")
PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
NOT_FOUND: Final = frozenset(
    {Code.DEVICE_UNKNOWN, Code.FAULT_UNKNOWN, Code.NOT_FOUND, Code.PHONE_UNKNOWN}
)
BAD_INPUT: Final = frozenset(
    {
        Code.BAD_REQUEST,
        Code.CODE_INVALID,
        Code.PICTURE_INVALID,
        Code.PICTURE_WITHOUT_QR,
        Code.QR_INVALID,
    }
)

Model = TypeVar("Model", bound=BaseModel)


class ControlApi:
    """The endpoints; each answers JSON, errors as `{"error", "code"}`."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._screens = Screens(network.clock_s)

    def app(self) -> Starlette:
        return Starlette(
            routes=self._routes(),
            middleware=[
                Middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK_HOSTS)),
                Middleware(
                    CORSMiddleware,
                    allow_origin_regex=LOOPBACK_ORIGINS,
                    allow_methods=["GET", "POST", "PATCH", "DELETE"],
                    allow_headers=["content-type"],
                ),
            ],
            exception_handlers={NetworkError: _network_error, HTTPException: _http_error},
        )

    def _routes(self) -> list[Route | Mount]:
        phone = "/control/phones/{number}"
        device = f"{phone}/devices/{{device:int}}"
        return [
            Route("/control/network", self._forget_everything, methods=["DELETE"]),
            Route("/control/phones", self._phones),
            Route("/control/phones", self._create_phone, methods=["POST"]),
            Route(phone, self._phone),
            Route(f"{phone}/scan", self._scan, methods=["POST"]),
            Route(f"{phone}/scan-picture", self._scan_picture, methods=["POST"]),
            Route(f"{phone}/code", self._type_code, methods=["POST"]),
            Route(f"{phone}/sign", self._give_sign, methods=["POST"]),
            Route(device, self._unlink, methods=["DELETE"]),
            *DeviceTroubles(self._network).routes(device),
            Route("/control/screen", self._show_screen, methods=["POST"]),
            Route("/control/screen", self._current_screens),
            Route("/control/faults", self._current_faults),
            Route("/control/faults", self._add_fault, methods=["POST"]),
            Route("/control/faults", self._clear_faults, methods=["DELETE"]),
            Route("/control/faults/{fault:int}", self._remove_fault, methods=["DELETE"]),
            Route("/control/drop", self._drop, methods=["POST"]),
            Route("/control/stats", self._stats),
            Route("/control/stats", self._reset_stats, methods=["DELETE"]),
            Route("/control/events", self._events),
            Route("/control/unknown-stanzas", self._unknown_stanzas),
            Route("/control/settings", self._settings),
            Route("/control/settings", self._change_settings, methods=["PATCH"]),
            Route("/", _page),
            Mount("/assets", StaticFiles(directory=PAGE, check_dir=False)),
        ]

    async def _forget_everything(self, _request: Request) -> Response:
        await self._network.forget_everything()
        self._screens.clear()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _phones(self, _request: Request) -> Response:
        accounts = self._network.accounts()
        return _json(PhoneList(phones=[view_phone(self._network, each) for each in accounts]))

    async def _create_phone(self, request: Request) -> Response:
        wanted = await _body(request, NewPhone)
        account = self._network.ensure_account(
            wanted.number, wanted.name, passkey_required=wanted.passkey_required
        )
        return _json(view_phone(self._network, account), HTTPStatus.CREATED)

    async def _phone(self, request: Request) -> Response:
        account = self._network.account(request.path_params["number"])
        return _json(view_phone(self._network, account))

    async def _scan(self, request: Request) -> Response:
        phone, wanted = self._acting(request), await _body(request, Scan)
        qr = wanted.qr if wanted.qr is not None else self._screens.newest(wanted.label).qr
        return self._linked(request, await phone.scan(qr))

    async def _scan_picture(self, request: Request) -> Response:
        phone, picture = self._acting(request), await _limited_body(request, PICTURE_MAX_BYTES)
        qr = await asyncio.to_thread(read_qr, picture)
        return self._linked(request, await phone.scan(qr))

    async def _type_code(self, request: Request) -> Response:
        phone, typed = self._acting(request), await _body(request, TypedCode)
        return self._linked(request, await phone.type_code(typed.code))

    async def _give_sign(self, request: Request) -> Response:
        account = self._network.account(request.path_params["number"])
        wanted = await _body(request, SignRequest)
        told = await give_sign(self._network, account, wanted.kind, wanted.device)
        return _json(GivenSign(devices=told))

    async def _unlink(self, request: Request) -> Response:
        await self._acting(request).unlink(request.path_params["device"])
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _show_screen(self, request: Request) -> Response:
        screen = await _body(request, NewScreen)
        self._screens.show(screen.label, screen.qr)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _current_screens(self, _request: Request) -> Response:
        now_s = self._network.clock_s()
        screens = [
            ScreenView(label=screen.label, age_s=now_s - screen.shown_at_s)
            for screen in self._screens.current()
        ]
        return _json(ScreenList(screens=screens))

    async def _current_faults(self, _request: Request) -> Response:
        return _json(FaultList(faults=self._network.faults.current()))

    async def _add_fault(self, request: Request) -> Response:
        fault = self._network.faults.add(await _body(request, FaultSpec))
        silence.take_effect(self._network)
        self._network.journal.note("fault_on", fault.number, fault.device, detail=fault.kind)
        return _json(fault, HTTPStatus.CREATED)

    async def _remove_fault(self, request: Request) -> Response:
        self._network.faults.remove(request.path_params["fault"])
        silence.take_effect(self._network)
        self._network.journal.note("fault_off")
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _clear_faults(self, _request: Request) -> Response:
        self._network.faults.clear()
        silence.take_effect(self._network)
        self._network.journal.note("fault_off")
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _drop(self, request: Request) -> Response:
        number = (await _body(request, DropRequest)).number
        dropped = [
            connection
            for connection in self._network.connections
            if number in (None, connection.number)
        ]
        for connection in dropped:
            self._network.journal.note("dropped", connection.number)
            connection.abort()
        return _json(Dropped(dropped=len(dropped)))

    async def _stats(self, _request: Request) -> Response:
        return _json(self._network.stats())

    async def _reset_stats(self, _request: Request) -> Response:
        self._network.journal.reset_counters()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _events(self, request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not after.isdecimal():
            raise NetworkError(Code.BAD_REQUEST, "after is the number of the last event read")
        return _json(EventList(events=self._network.journal.since(int(after))))

    async def _unknown_stanzas(self, _request: Request) -> Response:
        return _json(UnknownStanzaList(stanzas=list(self._network.journal.unknown)))

    async def _settings(self, _request: Request) -> Response:
        return _json(self._network.settings)

    async def _change_settings(self, request: Request) -> Response:
        changes = await _body(request, NetworkSettings)
        self._network.settings = self._network.settings.model_copy(
            update=changes.model_dump(exclude_unset=True)
        )
        return _json(self._network.settings)

    def _acting(self, request: Request) -> Phone:
        return Phone(self._network, self._network.account(request.path_params["number"]))

    def _linked(self, request: Request, companion: Companion) -> Response:
        account = self._network.account(request.path_params["number"])
        return _json(view_device(self._network, account, companion), HTTPStatus.CREATED)


async def _page(_request: Request) -> Response:
    return FileResponse(PAGE / "index.html", headers=PAGE_HEADERS)


async def _body(request: Request, model: type[Model]) -> Model:
    # A foreign page can send any other type to loopback without being asked first.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise NetworkError(Code.BAD_REQUEST, "the body must be application/json")
    body = await _limited_body(request, BODY_MAX_BYTES)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise NetworkError(Code.BAD_REQUEST, f"{where}: {problem['msg']}") from error


async def _limited_body(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise NetworkError(Code.BAD_REQUEST, f"the body is larger than {max_bytes} bytes")
    return bytes(body)


def _json(model: BaseModel, status: int = HTTPStatus.OK) -> Response:
    return Response(model.model_dump_json(), status, media_type="application/json")


async def _network_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, NetworkError)
    if error.code in NOT_FOUND:
        status = HTTPStatus.NOT_FOUND
    else:
        status = HTTPStatus.BAD_REQUEST if error.code in BAD_INPUT else HTTPStatus.CONFLICT
    return _json(ErrorView(error=error.message, code=error.code), status)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    not_found = error.status_code == HTTPStatus.NOT_FOUND
    code = Code.NOT_FOUND if not_found else Code.BAD_REQUEST
    return _json(ErrorView(error=error.detail, code=code), error.status_code)
