"""What is made of the library's answers, errors and silence, by hand-made ones."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from shared.company_id import SessionId
from tests.support.session_stage import JID
from tests.support.waiting import PATIENCE_S, wait_until
from whatsapp_service.gateway import linked_client
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.events import CONVERSIONS, Answered, Heard
from whatsapp_service.gateway.library import Library
from whatsapp_service.gateway.linked_client import Gateway, LineReport, LinkedClient
from whatsapp_service.gateway.login_refusals import LogOfClients

NEVER_S = 30.0
SOON_S = 0.05


class ScriptedEvents:
    """The library's registry of handlers."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[Any, Any], Coroutine[Any, Any, None]]] = {}

    def execute(self, *_report: int) -> None:
        """Nothing comes from Go."""

    def __call__(self, name: str) -> Callable[[Any], None]:
        return lambda handler: self.handlers.__setitem__(name, handler)


class ScriptedLibraryClient:
    """As neonize's: its two questions of state are properties that give coroutines."""

    def __init__(self) -> None:
        self._stop_finalizer = SimpleNamespace(detach=lambda: None)
        self.uuid = b""
        self.event = ScriptedEvents()
        self.connect_task: asyncio.Task[None] | None = None
        self.answer: Exception | None = None
        self.answering, self.closing = asyncio.Event(), asyncio.Event()
        self.answering.set()
        self.closing.set()
        self.connected = self.stopped = False
        self._ended = asyncio.Event()

    async def connect(self, _settings: object) -> asyncio.Task[None]:
        self.connected = True
        return asyncio.create_task(self._run())

    async def _run(self) -> None:
        await self._ended.wait()

    async def set_passive(self, passive: bool) -> None:
        assert not passive
        await self.answering.wait()
        if self.answer is not None:
            raise self.answer

    @property
    def is_connected(self) -> Coroutine[Any, Any, bool]:
        return self._say(self.connected)

    @property
    def is_logged_in(self) -> Coroutine[Any, Any, bool]:
        return self._say(self.connected)

    async def _say(self, value: bool) -> bool:
        return value

    async def disconnect(self) -> None:
        await self.closing.wait()

    async def stop(self) -> None:
        self.stopped = True
        self._ended.set()


@pytest.fixture
def library() -> ScriptedLibraryClient:
    return ScriptedLibraryClient()


@pytest.fixture
def heard() -> list[object]:
    return []


@pytest.fixture
def gateway(library: ScriptedLibraryClient) -> Gateway:
    parts = Library(
        client=lambda *_args, **_fields: library,
        events=SimpleNamespace(**{name: name for name in CONVERSIONS}),
        jid=SimpleNamespace,
        device_props=SimpleNamespace,
        proxy_settings=str,
        list_devices=str,
        log_of_clients=LogOfClients(SimpleNamespace(log_whatsmeow=print)),
    )
    return Gateway(parts, "postgres://store", "AI Admin")


@pytest.fixture
async def client(
    gateway: Gateway, heard: list[object], monkeypatch: pytest.MonkeyPatch
) -> LinkedClient:
    monkeypatch.setattr(linked_client, "REGISTRATION_S", 0.0)
    client = new_client(gateway, heard)
    await client.open()
    return client


def new_client(gateway: Gateway, heard: list[object]) -> LinkedClient:
    salon = SessionId("company_1001")
    return gateway.client_for(salon, DeviceJid.parse(JID), None, heard.append)


async def test_a_client_that_was_opened_and_closed_is_counted_once(
    client: LinkedClient, gateway: Gateway
) -> None:
    assert gateway.left_behind == 0
    for _ in range(2):
        await client.close()
    assert gateway.left_behind == 1


async def test_one_that_was_never_opened_leaves_nothing(
    gateway: Gateway, heard: list[object]
) -> None:
    await new_client(gateway, heard).close()
    assert gateway.left_behind == 0


async def test_an_answer_proves_the_line_and_is_timed(client: LinkedClient) -> None:
    report = await client.prove_line(NEVER_S)
    assert report.answered
    assert report.round_trip_s is not None


async def test_a_refusal_is_an_answer(client: LinkedClient, library: ScriptedLibraryClient) -> None:
    for text in ("info query returned status 429: rate-overlimit", "info query returned error"):
        library.answer = RuntimeError(text.encode())
        assert (await client.prove_line(NEVER_S)).answered


async def test_a_connection_that_is_lost_meanwhile_has_answered_nothing(
    client: LinkedClient, library: ScriptedLibraryClient
) -> None:
    library.answer = RuntimeError("websocket disconnected before info query returned response")
    library.connected = False
    assert await client.prove_line(NEVER_S) == LineReport(
        answered=False, connected=False, logged_in=False
    )


async def test_silence_is_told_apart_from_a_library_that_is_not_connected(
    client: LinkedClient, library: ScriptedLibraryClient
) -> None:
    library.answering.clear()
    report = await client.prove_line(SOON_S)
    assert (report.answered, report.connected, report.logged_in) == (False, True, True)


async def test_an_answer_that_comes_late_is_told(
    client: LinkedClient, library: ScriptedLibraryClient, heard: list[object]
) -> None:
    library.answering.clear()
    assert not (await client.prove_line(SOON_S)).answered
    assert heard == []

    library.answering.set()

    await wait_until(lambda: heard == [Answered()])


async def test_a_question_that_gets_no_turn_says_nothing_of_the_line(
    client: LinkedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linked_client, "TURN_S", SOON_S)
    async with client._gateway.maps.changing():
        with pytest.raises(TimeoutError):
            await client.prove_line(NEVER_S)


async def test_a_close_that_hangs_holds_nobody_up_and_is_finished_later(
    client: LinkedClient, library: ScriptedLibraryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linked_client, "STOP_S", SOON_S)
    library.closing.clear()

    closing = asyncio.create_task(client.close())
    async with asyncio.timeout(PATIENCE_S), client._gateway.maps.changing():
        assert not library.stopped
    await closing
    assert not library.stopped

    library.closing.set()
    await wait_until(lambda: library.stopped)


def message(*, from_me: bool, device: int) -> SimpleNamespace:
    source = SimpleNamespace(IsFromMe=from_me, Sender=SimpleNamespace(Device=device))
    return SimpleNamespace(Info=SimpleNamespace(MessageSource=source), MessageSource=source)


@pytest.mark.parametrize("kind", ["MessageEv", "ReceiptEv"])
async def test_only_device_0_of_the_salons_own_account_is_its_phone(
    client: LinkedClient, library: ScriptedLibraryClient, heard: list[object], kind: str
) -> None:
    handle = library.event.handlers[kind]
    for from_me, device in ((True, 0), (True, 3), (False, 0), (False, 2)):
        await handle(library, message(from_me=from_me, device=device))
    assert heard == [Heard(from_phone=phone) for phone in (True, False, False, False)]
    await client.close()
