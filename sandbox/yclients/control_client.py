"""A client of the control API, for tests and the demo."""

from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

import httpx2
from pydantic import TypeAdapter

from sandbox.services.loopback import NOBODY
from sandbox.yclients.callbacks import Delivery, Manner
from sandbox.yclients.connections import Salon
from sandbox.yclients.control_views import CatalogueView, RecordView, SalonView, Stats
from sandbox.yclients.journal import Entry
from sandbox.yclients.operations import Operation
from sandbox.yclients.quirks import Quirk, QuirkKind

TIMEOUT_S: Final = 20.0

_SALONS: Final = TypeAdapter(list[SalonView])
_ENTRIES: Final = TypeAdapter(list[Entry])
_QUIRKS: Final = TypeAdapter(list[Quirk])
_RECORDS: Final = TypeAdapter(list[RecordView])
_DELIVERIES: Final = TypeAdapter(list[Delivery])


class ControlError(Exception):
    """The API refused; its words are the argument."""


class YclientsControl:
    """Every method raises ControlError when the API refuses, httpx2.HTTPError when it is away."""

    def __init__(self, url: str) -> None:
        self.url = url
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
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def add_salon(self, salon_id: int, title: str = "Салон") -> SalonView:
        salon = Salon(salon_id=salon_id, title=title)
        return SalonView.model_validate(await self._post("/control/salons", salon.model_dump()))

    async def salon(self, salon_id: int) -> SalonView:
        return SalonView.model_validate(await self._ask("GET", f"/control/salons/{salon_id}"))

    async def salons(self) -> list[SalonView]:
        return _SALONS.validate_python(await self._ask("GET", "/control/salons"))

    async def connect(self, salon_id: int) -> str:
        """The owner presses «Подключить»; the URL that the browser is sent to."""
        url: str = (await self._post(f"/control/salons/{salon_id}/connect"))["url"]
        return url

    async def uninstall(self, salon_id: int, *, told: bool = True) -> SalonView:
        return await self._act(salon_id, "uninstall", {"told": told})

    async def freeze(self, salon_id: int, *, told: bool = True) -> SalonView:
        return await self._act(salon_id, "freeze", {"told": told})

    async def pay(self, salon_id: int, *, told: bool = True) -> SalonView:
        return await self._act(salon_id, "pay", {"told": told})

    async def expire_pending(self, salon_id: int) -> SalonView:
        return await self._act(salon_id, "expire", {})

    async def send_entity(
        self, salon_id: int, resource: str, resource_id: int, status: str, data: Any = None
    ) -> None:
        """``data`` as it is: whole, partial, or ``[]``."""
        body = {"resource": resource, "resource_id": resource_id, "status": status, "data": data}
        await self._act(salon_id, "entity", body)

    async def send_lifecycle(self, salon_id: int, event: str, **more: Any) -> None:
        """A callback without anything having happened."""
        await self._act(salon_id, "lifecycle", {"event": event, "more": more})

    async def catalogue(self, salon_id: int) -> CatalogueView:
        """What the salon offers, and who does it."""
        path = f"/control/salons/{salon_id}/catalogue"
        return CatalogueView.model_validate(await self._ask("GET", path))

    async def records(self, salon_id: int) -> list[RecordView]:
        """Deleted ones, too."""
        return _RECORDS.validate_python(
            await self._ask("GET", f"/control/salons/{salon_id}/records")
        )

    async def book(
        self,
        salon_id: int,
        staff_id: int,
        service_ids: list[int],
        start: datetime,
        *,
        phone: str = "79990000001",
        name: str = "Ира",
    ) -> RecordView:
        """Somebody books at the salon's desk. ``staff_id`` 0 is whoever is free."""
        body = {
            "staff_id": staff_id,
            "service_ids": service_ids,
            "start": start.isoformat(),
            "phone": phone,
            "name": name,
        }
        path = f"/control/salons/{salon_id}/records"
        return RecordView.model_validate(await self._post(path, body))

    async def cancel(self, salon_id: int, record_id: int) -> None:
        """The salon deletes a record."""
        await self._ask("DELETE", f"/control/salons/{salon_id}/records/{record_id}")

    async def blacklist(self, salon_id: int, phone: str) -> None:
        await self._post(f"/control/salons/{salon_id}/blacklist", {"phone": phone})

    async def add_quirk(
        self,
        kind: QuirkKind,
        operation: Operation | None = None,
        *,
        salon_id: int | None = None,
        times: int | None = 1,
        applied: bool = False,
        latency_ms: int = 0,
    ) -> Quirk:
        quirk = Quirk(
            kind=kind,
            operation=operation,
            salon_id=salon_id,
            times=times,
            applied=applied,
            latency_ms=latency_ms,
        )
        return Quirk.model_validate(await self._post("/control/quirks", quirk.model_dump()))

    async def clear_quirks(self) -> None:
        await self._ask("DELETE", "/control/quirks")

    async def quirks(self) -> list[Quirk]:
        return _QUIRKS.validate_python(await self._ask("GET", "/control/quirks"))

    async def remove_quirk(self, quirk_id: int) -> None:
        await self._ask("DELETE", f"/control/quirks/{quirk_id}")

    async def deliver(
        self,
        *,
        copies: int = 1,
        delay_s: float = 0,
        held: bool = False,
        partial: bool = False,
        salon_id: int | None = None,
        times: int | None = None,
    ) -> None:
        """How callbacks are delivered from now on; see ``Manner``. A salon's own way goes first."""
        manner = Manner(
            copies=copies,
            delay_s=delay_s,
            held=held,
            partial=partial,
            salon_id=salon_id,
            times=times,
        )
        await self._ask("PUT", "/control/manner", manner.model_dump())

    async def let_go(self) -> int:
        """Deliver what was held, the last one first; how many."""
        sent: int = (await self._post("/control/held/go"))["sent"]
        return sent

    async def switch(
        self,
        *,
        rate_limit: bool | None = None,
        pending_lifetime_s: float | None = None,
        has_tariffs: bool | None = None,
    ) -> None:
        body = {
            "rate_limit": rate_limit,
            "pending_lifetime_s": pending_lifetime_s,
            "has_tariffs": has_tariffs,
        }
        await self._ask("PUT", "/control/switches", body)

    async def calls(
        self, operation: Operation | None = None, salon_id: int | None = None, *, after: int = 0
    ) -> list[Entry]:
        """Received since the last reset, in order, with numbers greater than ``after``."""
        query = {"after": str(after)}
        if operation is not None:
            query["operation"] = operation.value
        if salon_id is not None:
            query["salon_id"] = str(salon_id)
        answer = await self._http.get("/control/journal", params=query)
        return _ENTRIES.validate_python(_json(answer))

    async def deliveries(self) -> list[Delivery]:
        """Callbacks that were sent, and what was answered."""
        return _DELIVERIES.validate_python(await self._ask("GET", "/control/deliveries"))

    async def stats(self) -> Stats:
        return Stats.model_validate(await self._ask("GET", "/control/stats"))

    async def reset(self, *, salons: bool = False) -> None:
        """As after the start; salons stay, unless they are to be forgotten, too."""
        await self._post("/control/reset", {"salons": salons})

    async def _act(self, salon_id: int, action: str, body: dict[str, Any]) -> SalonView:
        return SalonView.model_validate(
            await self._post(f"/control/salons/{salon_id}/{action}", body)
        )

    async def _post(self, path: str, body: object = None) -> Any:
        return await self._ask("POST", path, {} if body is None else body)

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        return _json(await self._http.request(method, path, json=body))


def _json(answer: httpx2.Response) -> Any:
    if answer.status_code != httpx2.codes.OK:
        raise ControlError(answer.text)
    return answer.json()
