"""A client of the control API, for tests and the demo."""

from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx2
from pydantic import BaseModel

from sandbox.services.loopback import NOBODY
from sandbox.whatsapp_network.faults import Fault, FaultKind
from sandbox.whatsapp_network.journal import Event, Stats, UnknownStanza
from sandbox.whatsapp_network.phone_signs import Sign
from sandbox.whatsapp_network.settings import NetworkSettings
from sandbox.whatsapp_network.views import (
    DeviceView,
    Dropped,
    ErrorView,
    EventList,
    FaultList,
    GivenSign,
    PhoneList,
    PhoneView,
    ScreenList,
    ScreenView,
    UnknownStanzaList,
)

# Linking waits for the client to answer, up to the network's own deadline of 10 s.
TIMEOUT_S: Final = 30.0

Model = TypeVar("Model", bound=BaseModel)


class ControlError(Exception):
    """The API refused: `code` is stable, such as `QR_EXPIRED`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class ControlClient:
    """Every method raises `ControlError` when the API refuses, `httpx2.HTTPError` when it is away.

    Numbers are E.164 digits without the plus.
    """

    def __init__(self, url: str) -> None:
        # Loopback: a proxy of the machine has no business here.
        self._http = httpx2.AsyncClient(
            base_url=url, timeout=TIMEOUT_S, verify=NOBODY, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def forget_everything(self) -> None:
        """Bring the network back to its first day; connections are cut, the root key stays."""
        await self._do("DELETE", "/control/network")

    async def create_phone(
        self, number: str, name: str = "Телефон", *, passkey_required: bool = False
    ) -> PhoneView:
        """Make a phone, or change the one that is there."""
        body = {"number": number, "name": name, "passkey_required": passkey_required}
        return await self._call(PhoneView, "POST", "/control/phones", body)

    async def phones(self) -> list[PhoneView]:
        return (await self._call(PhoneList, "GET", "/control/phones")).phones

    async def phone(self, number: str) -> PhoneView:
        return await self._call(PhoneView, "GET", f"/control/phones/{number}")

    async def scan(self, number: str, qr: str | None = None) -> DeviceView:
        """Scan a QR's text, or the newest screen; return the device linked."""
        body = {} if qr is None else {"qr": qr}
        return await self._call(DeviceView, "POST", f"/control/phones/{number}/scan", body)

    async def scan_picture(self, number: str, picture: bytes) -> DeviceView:
        path = f"/control/phones/{number}/scan-picture"
        response = await self._http.post(path, content=picture)
        return DeviceView.model_validate_json(_checked(response))

    async def type_code(self, number: str, code: str) -> DeviceView:
        body = {"code": code}
        return await self._call(DeviceView, "POST", f"/control/phones/{number}/code", body)

    async def give_sign(
        self, number: str, kind: Sign = Sign.READ, device: int | None = None
    ) -> int:
        """Have the phone show that it is in use; return how many devices were told."""
        body = {"kind": kind, "device": device}
        return (await self._call(GivenSign, "POST", f"/control/phones/{number}/sign", body)).devices

    async def unlink(self, number: str, device: int) -> None:
        await self._do("DELETE", f"/control/phones/{number}/devices/{device}")

    async def replace(self, number: str, device: int) -> None:
        """End the device's session as a second login would."""
        await self._do("POST", f"/control/phones/{number}/devices/{device}/replace")

    async def end_stream(self, number: str, device: int, code: str) -> None:
        """End the device's stream with an error of this code."""
        path = f"/control/phones/{number}/devices/{device}/stream-error"
        await self._do("POST", path, {"code": code})

    async def forget_keys(self, number: str, device: int) -> None:
        """Have the server no longer accept the device's keys; a connection is cut."""
        await self._do("POST", f"/control/phones/{number}/devices/{device}/forget-keys")

    async def show_screen(self, qr: str, label: str = "") -> None:
        await self._do("POST", "/control/screen", {"qr": qr, "label": label})

    async def screens(self) -> list[ScreenView]:
        return (await self._call(ScreenList, "GET", "/control/screen")).screens

    async def add_fault(self, kind: FaultKind, **details: Any) -> Fault:
        """Switch a fault on; `details` are the fields of `FaultSpec`."""
        body = {"kind": kind, **details}
        return await self._call(Fault, "POST", "/control/faults", body)

    async def faults(self) -> list[Fault]:
        return (await self._call(FaultList, "GET", "/control/faults")).faults

    async def remove_fault(self, fault_id: int) -> None:
        await self._do("DELETE", f"/control/faults/{fault_id}")

    async def clear_faults(self) -> None:
        await self._do("DELETE", "/control/faults")

    async def drop(self, number: str | None = None) -> int:
        """Reset the connections of a number, or all; return how many there were."""
        body = {} if number is None else {"number": number}
        return (await self._call(Dropped, "POST", "/control/drop", body)).dropped

    async def stats(self) -> Stats:
        return await self._call(Stats, "GET", "/control/stats")

    async def reset_stats(self) -> None:
        """Begin counting anew, unknown stanzas too."""
        await self._do("DELETE", "/control/stats")

    async def events(self, after: int = 0) -> list[Event]:
        return (await self._call(EventList, "GET", f"/control/events?after={after}")).events

    async def unknown_stanzas(self) -> list[UnknownStanza]:
        return (await self._call(UnknownStanzaList, "GET", "/control/unknown-stanzas")).stanzas

    async def settings(self) -> NetworkSettings:
        return await self._call(NetworkSettings, "GET", "/control/settings")

    async def change_settings(self, **changes: float) -> NetworkSettings:
        """Change some fields of `NetworkSettings`; the rest stays."""
        return await self._call(NetworkSettings, "PATCH", "/control/settings", changes)

    async def _call(
        self, model: type[Model], method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Model:
        return model.model_validate_json(await self._do(method, path, body))

    async def _do(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        return _checked(await self._http.request(method, path, json=body))


def _checked(response: httpx2.Response) -> bytes:
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return response.content
    error = ErrorView.model_validate_json(response.content)
    raise ControlError(response.status_code, error.code, error.error)
