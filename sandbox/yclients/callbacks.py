"""What YClients tells us: lifecycle callbacks (4a) and entity webhooks (4b of the sheet).

Each is sent once and never repeated; any answer counts as delivered (D3). Partial, doubled, late
and swapped ones are made on demand.
"""

import asyncio
import hashlib
import hmac
import time
from collections import deque
from typing import Any, Final

import httpx2
from pydantic import BaseModel, Field

from sandbox.services.loopback import NOBODY
from sandbox.yclients.connections import Connection

TIMEOUT_S: Final = 15.0
KEPT: Final = 2_000
MOST_AT_ONCE: Final = 200
LIFECYCLE_PATH: Final = "/webhook/yclients"


class Manner(BaseModel):
    """How callbacks are delivered from now on, of one salon or of all.

    ``held``: they wait until they are let go, then the last one goes first. ``partial``: of what
    was updated or deleted only the number is told (D3). ``times``: how many callbacks go that way,
    None for all.
    """

    salon_id: int | None = None
    times: int | None = Field(default=None, ge=1)

    copies: int = Field(default=1, ge=0, le=100)
    delay_s: float = Field(default=0.0, ge=0, le=60)
    held: bool = False
    partial: bool = False


class Delivery(BaseModel):
    """``status``: of our answer, 0 when there was none. Of a URL only its kind is kept."""

    at: float
    salon_id: int
    kind: str
    event: str
    status: int
    answer: Any = None
    seconds: float


class _Letter(BaseModel):
    url: str
    kind: str
    event: str
    salon_id: int
    body: dict[str, Any]


class Callbacks:
    """Use it as a context: at its end nothing is under way any more."""

    def __init__(self, api_url: str, partner_token: str, application_id: int) -> None:
        self._manners: dict[int | None, Manner] = {}
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT)
        self._api_url = api_url
        self._partner_token = partner_token
        self._application_id = application_id
        self._held: deque[_Letter] = deque(maxlen=KEPT)
        self._under_way: set[asyncio.Task[None]] = set()
        self._http = httpx2.AsyncClient(verify=NOBODY, timeout=TIMEOUT_S, trust_env=False)
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)

    async def close(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._http.aclose()

    def reset(self) -> None:
        """Nothing is held, late or under way any more, and what comes is delivered as it should."""
        for task in self._under_way:
            task.cancel()
        self._manners.clear()
        self._held.clear()
        self.deliveries.clear()

    def deliver(self, manner: Manner) -> None:
        self._manners[manner.salon_id] = manner

    def deliver_as_usual(self) -> None:
        self._manners.clear()

    def manners(self) -> list[Manner]:
        return list(self._manners.values())

    @property
    def held(self) -> int:
        return len(self._held)

    def lifecycle(self, connection: Connection, event: str, **more: Any) -> None:
        """``uninstall``, ``freeze`` (D1), ``payment`` (D2), or whatever a test makes up."""
        body = {
            "salon_id": connection.salon.salon_id,
            "application_id": self._application_id,
            "event": event,
            "partner_token": self._partner_token,
            **more,
        }
        if event == "payment":
            body["sign"] = self._payment_sign(body)
        self._post(
            _Letter(
                url=f"{self._api_url}{LIFECYCLE_PATH}",
                kind="lifecycle",
                event=event,
                salon_id=connection.salon.salon_id,
                body=body,
            ),
            self._manner(connection.salon.salon_id),
        )

    def entity(self, connection: Connection, body: dict[str, Any]) -> None:
        """To every address of the activation. There is no signature and no token in it (D3)."""
        salon_id = connection.salon.salon_id
        manner = self._manner(salon_id)
        if manner.partial and body.get("status") in {"update", "delete"}:
            body = {**body, "data": {"id": body.get("resource_id")}}
        for url in connection.webhook_urls:
            letter = _Letter(
                url=url,
                kind="entity",
                event=f"{body.get('resource')} {body.get('status')}",
                salon_id=salon_id,
                body={"company_id": salon_id, **body},
            )
            self._post(letter, manner)

    def let_go(self) -> int:
        """Send what was held, the last one first; how many."""
        letters = list(self._held)[::-1]
        self._held.clear()
        for salon_id, manner in self._manners.items():
            self._manners[salon_id] = manner.model_copy(update={"held": False})
        self._start(self._send_in_order(letters))
        return len(letters)

    def _manner(self, salon_id: int) -> Manner:
        """The salon's own, else that of all; one that has been used often enough is gone."""
        manner = self._manners.get(salon_id) or self._manners.get(None) or Manner()
        if manner.times is not None:
            left = manner.times - 1
            if left:
                self.deliver(manner.model_copy(update={"times": left}))
            else:
                del self._manners[manner.salon_id]
        return manner

    def _post(self, letter: _Letter, manner: Manner) -> None:
        if manner.held:
            self._held.append(letter)
            return
        for _ in range(manner.copies):
            self._start(self._send(letter, manner.delay_s))

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _send_in_order(self, letters: list[_Letter]) -> None:
        for letter in letters:
            await self._send(letter, 0.0)

    async def _send(self, letter: _Letter, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        started = time.perf_counter()
        status, answer = 0, None
        try:
            async with self._slots:
                response = await self._http.post(letter.url, json=letter.body)
            status = response.status_code
            answer = response.json()
        except (httpx2.HTTPError, ValueError):
            pass
        self.deliveries.append(
            Delivery(
                at=time.time(),
                salon_id=letter.salon_id,
                kind=letter.kind,
                event=letter.event,
                status=status,
                answer=answer,
                seconds=time.perf_counter() - started,
            )
        )

    def _payment_sign(self, body: dict[str, Any]) -> str:
        """HMAC over ``salon_id=…&amount=…[&discount=…]`` (D2)."""
        parts = [f"salon_id={body['salon_id']}", f"amount={body.get('amount')}"]
        if body.get("discount") is not None:
            parts.append(f"discount={body['discount']}")
        message = "&".join(parts).encode()
        return hmac.new(self._partner_token.encode(), message, hashlib.sha256).hexdigest()
