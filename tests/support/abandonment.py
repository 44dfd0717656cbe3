"""Owners who begin to link a salon and leave it at that, in every way there is."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import psutil
import pytest

from sandbox.whatsapp_network.control_client import ControlError
from sandbox.whatsapp_network.faults import FaultKind
from shared.company_id import SalonId
from shared.errors import ErrorCode
from tests.support.api import token_for
from tests.support.holdings import System, gauges
from tests.support.page import Page, PollingLink, WebSocketLink, open_page
from tests.support.waiting import wait_until

PATIENCE_S: Final = 60.0
SHORT_QR_S: Final = 2.0
CAPACITY: Final = 15
WRONG_CODE: Final = "ZZZZ-ZZZZ"

ENVIRONMENT: Final = {
    "LINKER_CAPACITY": str(CAPACITY),
    "SESSION_SWEEP_S": "1",
    "CONNECTIONS_PER_TOKEN_PER_MINUTE": "1000000",
    "CONNECTIONS_PER_ADDRESS_PER_MINUTE": "1000000",
    "CODES_PER_NUMBER_PER_10_MINUTES": "1000000",
    "CODES_PER_SALON_PER_HOUR": "1000000",
    "CODE_DEADLINE_S": "50",
    "QR_DEADLINE_S": "50",
}
"""So many at once from one address need looser limits, and a slow machine more patience."""

_NEWS_OF_A_CUT: Final = frozenset({"error", "qr_expired", "connecting"})
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Owner:
    """One salon's owner and the two phones at hand."""

    system: System
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def phone(self) -> str:
        return f"79{self.number:09}"

    @property
    def other_phone(self) -> str:
        return f"78{self.number:09}"

    def page(self, **options: Any) -> contextlib.AbstractAsyncContextManager[Page]:
        return open_page(self.system.api_url, token_for(SalonId(self.number)), **options)

    async def sees_qr(self, page: Page) -> None:
        await page.ask("request-qr")
        await wait_until(lambda: page.all("qr-update"), PATIENCE_S, "the QR is shown")

    async def gets_code(self, page: Page, phone: str) -> str:
        """Asks again when that was sooner after another request than a person could be."""
        await self.system.phones.create_phone(phone)

        def answers() -> list[Any]:
            codes = [told for told in page.all("pairing-code") if told["phoneNumber"] == phone]
            return codes or page.all("pairing-code-error")[refusals:]

        while True:
            refusals = len(page.all("pairing-code-error"))
            await page.ask("request-pairing-code", {"phoneNumber": phone})
            answer = (await wait_until(answers, PATIENCE_S, "a code or an error"))[0]
            if "phoneNumber" in answer:
                code: str = answer["code"]
                return code
            assert answer["code"] == ErrorCode.REQUEST_IN_PROGRESS, answer


async def closes_the_tab(owner: Owner) -> None:
    async with owner.page() as page:
        await owner.sees_qr(page)


async def loses_the_network(owner: Owner) -> None:
    """Nothing is said to the server, not even goodbye."""
    async with owner.page() as page:
        await owner.sees_qr(page)
        assert isinstance(page.link, WebSocketLink)
        page.link.socket.transport.abort()


async def leaves_while_polling(owner: Owner) -> None:
    async with owner.page(transport="polling") as page:
        await owner.sees_qr(page)
        assert isinstance(page.link, PollingLink)


async def leaves_before_the_qr(owner: Owner) -> None:
    async with owner.page() as page:
        await page.ask("request-qr")
        await _status(page, {"connecting", "queued"})


async def leaves_the_queue(owner: Owner) -> None:
    async with owner.page() as page:
        await _slots_are_taken(owner.system)
        await page.ask("request-qr")
        await _status(page, {"queued"})


async def lets_the_qr_run_out(owner: Owner) -> None:
    async with owner.page() as page:
        await page.ask("request-qr")
        await _status(page, {"qr_expired"})


async def mistypes_the_code(owner: Owner) -> None:
    async with owner.page() as page:
        await owner.gets_code(page, owner.phone)
        await _refused_by_phone(owner.system, owner.phone, WRONG_CODE, "CODE_WRONG")


async def asks_for_another_number(owner: Owner) -> None:
    async with owner.page() as page:
        first = await owner.gets_code(page, owner.phone)
        assert first != await owner.gets_code(page, owner.other_phone)


async def is_refused(owner: Owner) -> None:
    """The phone's proof does not match: the library gives up."""
    phones = owner.system.phones
    async with owner.page() as page:
        code = await owner.gets_code(page, owner.phone)
        await phones.add_fault(FaultKind.BAD_PAIRING, number=owner.phone, times=1)
        await _refused_by_phone(owner.system, owner.phone, code, "LINK_REFUSED")
        await _status(page, {"error"})


Way = Callable[[Owner], Awaitable[None]]
Dose = Mapping[Way, int]
"""How many owners go each way."""

BY_CODE: Final[Dose] = {mistypes_the_code: 4, asks_for_another_number: 4, is_refused: 2}
BY_QR: Final[Dose] = {
    closes_the_tab: 6,
    loses_the_network: 5,
    leaves_while_polling: 5,
    leaves_before_the_qr: 4,
    leaves_the_queue: 4,
    lets_the_qr_run_out: 6,
}
CUT_OFF: Final = 5
"""Owners whose linker is killed, and as many whose connection WhatsApp drops."""

ROUND: Final = sum(BY_CODE.values()) + sum(BY_QR.values()) + 2 * CUT_OFF


async def warm_up(system: System) -> None:
    """Once each way that a process can learn from, and as many at once as a round has."""
    await _with_long_qrs(system, dict.fromkeys(BY_CODE, 1))
    await _with_short_qrs(system)


async def one_round(system: System) -> int:
    """Fifty attempts, none of which links; how many there were.

    An attempt whose page has left goes on until its QRs have run out or somebody cuts it off.
    """
    await _with_long_qrs(system, BY_CODE)
    await _with_short_qrs(system)
    return ROUND


async def _with_long_qrs(system: System, dose: Dose) -> None:
    await system.phones.change_settings(qr_refs=6, qr_first_window_s=60.0)
    await _cut_off(system, partial(_kill_linkers, system))
    await _all_at_once(dose, system)
    await _cut_off(system, system.phones.drop)


async def _nobody_links(system: System) -> bool:
    """A linker that took a dead one's place may have connected after the others were dropped."""
    await system.phones.drop()
    return (await gauges(system.whatsapp_url))["linkers_in_use"] == 0


async def _with_short_qrs(system: System) -> None:
    await system.phones.change_settings(qr_refs=1, qr_first_window_s=SHORT_QR_S)
    await _all_at_once(BY_QR, system)


async def _all_at_once(dose: Dose, system: System) -> None:
    async with asyncio.TaskGroup() as tasks:
        for way, owners in dose.items():
            for _ in range(owners):
                tasks.create_task(_named(way, Owner(system)), name=way.__name__)


async def _named(way: Way, owner: Owner) -> None:
    try:
        await way(owner)
    except TimeoutError as error:
        raise AssertionError(f"an owner who {way.__name__}: {error}") from error


async def _cut_off(system: System, cut: Callable[[], Awaitable[object]]) -> None:
    """Several owners look at their QRs when it happens, each is told, and then leaves.

    What goes on for them, and for whoever has left before, is dropped.
    """
    async with contextlib.AsyncExitStack() as stack:
        owners = [Owner(system) for _ in range(CUT_OFF)]
        pages = [await stack.enter_async_context(owner.page()) for owner in owners]
        await asyncio.gather(
            *(owner.sees_qr(page) for owner, page in zip(owners, pages, strict=True))
        )
        told = [len(page.told) for page in pages]
        await cut()
        for page, before in zip(pages, told, strict=True):
            await wait_until(partial(_is_told, page, before), PATIENCE_S, f"{page.told[-3:]}")
    await wait_until(partial(_nobody_links, system), PATIENCE_S, "every attempt is cut off")


def _is_told(page: Page, before: int) -> bool:
    """That it is over, or that another linker goes on."""
    news = page.told[before:]
    return any(name == "status" and told["status"] in _NEWS_OF_A_CUT for name, told in news)


async def _kill_linkers(system: System) -> None:
    for child in psutil.Process(system.whatsapp_pid).children():
        child.kill()


async def _refused_by_phone(system: System, phone: str, code: str, expected: str) -> None:
    with pytest.raises(ControlError) as refused:
        await system.phones.type_code(phone, code)
    assert refused.value.code == expected


async def _status(page: Page, wanted: Collection[str]) -> None:
    def told() -> bool:
        return any(status["status"] in wanted for status in page.all("status"))

    await wait_until(told, PATIENCE_S, f"{wanted}; told: {page.told[-3:]}")


async def _slots_are_taken(system: System) -> None:
    async def taken() -> bool:
        return (await gauges(system.whatsapp_url))["linkers_in_use"] >= CAPACITY

    await wait_until(taken, PATIENCE_S, "all slots are taken")
