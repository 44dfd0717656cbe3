"""What the server does to one linked device on demand: end its stream, forget its keys."""

import secrets
from http import HTTPStatus
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.node import Node


class StreamErrorRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(pattern=r"^[1-9]\d{2}$")]


class DeviceTroubles:
    def __init__(self, network: Network) -> None:
        self._network = network

    def routes(self, device: str) -> list[Route]:
        """``device``: the path of one device."""
        return [
            Route(f"{device}/replace", self._replace, methods=["POST"]),
            Route(f"{device}/stream-error", self._end_stream, methods=["POST"]),
            Route(f"{device}/forget-keys", self._forget_keys, methods=["POST"]),
        ]

    async def _replace(self, request: Request) -> Response:
        """End a device's session as another login under its name would."""
        number, device = self._of(request)
        if connection := self._network.online(number, device):
            self._network.journal.note_replaced(number, device)
            await connection.end_stream_error([Node("conflict", {"type": "replaced"})])
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _end_stream(self, request: Request) -> Response:
        number, device = self._of(request)
        try:
            wanted = StreamErrorRequest.model_validate_json(await request.body())
        except ValidationError as error:
            raise NetworkError(Code.BAD_REQUEST, "code is three digits") from error
        if connection := self._network.online(number, device):
            self._network.journal.note("stream_error", number, device, detail=wanted.code)
            await connection.end_stream_error(code=wanted.code)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _forget_keys(self, request: Request) -> Response:
        """The device stays on the phone's list, and its next login is refused."""
        number, device = self._of(request)
        self._network.companion(number, device).noise_static = secrets.token_bytes(32)
        self._network.journal.note("keys_forgotten", number, device)
        self._network.changed()
        if connection := self._network.online(number, device):
            connection.abort()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _of(self, request: Request) -> tuple[str, int]:
        """Raises NetworkError for a device that is not there."""
        number, device = request.path_params["number"], request.path_params["device"]
        self._network.companion(number, device)
        return number, device
