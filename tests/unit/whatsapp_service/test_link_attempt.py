"""One attempt, with linkers that do as the test says."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from shared.company_id import SessionId
from shared.messages.status import Reason
from shared.phone import PhoneNumber
from tests.support.scripted_linkers import IDENTITY, KEY, QR, ScriptedLinker
from tests.support.waiting import wait_until
from whatsapp_service.gateway.linker_protocol import (
    AskCode,
    CodeGiven,
    Ended,
    Linked,
    Paired,
    Start,
)
from whatsapp_service.sessions import link_attempt
from whatsapp_service.sessions.half_links import HalfLinks
from whatsapp_service.sessions.link_attempt import (
    MAX_LOSSES,
    AttemptNews,
    AttemptOver,
    LinkAttempt,
    Restarted,
    SlotGranted,
)
from whatsapp_service.sessions.linker import Linker
from whatsapp_service.sessions.linker_pool import LinkerPool
from whatsapp_service.sessions.routes import UnusableRouteError
from whatsapp_service.store.directory import Directory, StoreUnavailableError
from whatsapp_service.store.link_attempts import RecordedAttempt, StoredKey

PHONE, OTHER_PHONE = PhoneNumber("79990000001"), PhoneNumber("79990000002")
JID = "79990000001:1@s.whatsapp.net"
SALON = SessionId("company_1001")


class Rows(Directory):
    """Postgres, as far as an attempt sees it."""

    def __init__(self) -> None:
        self.attempts: list[RecordedAttempt] = []
        self.keys: list[StoredKey] = []
        self.owned: set[str] = set()
        self.away = False

    async def record_attempt(
        self, identity: bytes, session_id: SessionId, _process_id: str
    ) -> None:
        if self.away:
            raise StoreUnavailableError
        self.attempts.append(RecordedAttempt(identity, session_id, is_over=False, is_newer=False))

    async def owned_jids(self) -> set[str]:
        return self.owned

    async def stored_keys(self) -> list[StoredKey]:
        return self.keys


class Trial:
    """An attempt under way, its linkers and its news."""

    def __init__(self) -> None:
        self.linkers: list[ScriptedLinker] = []
        self.news: list[AttemptNews] = []
        self.starts = 0
        self.trouble: Exception | None = None
        pool = LinkerPool(capacity=1, spares=0, queue_limit=0, start=self._start_linker)
        self.rows = Rows()
        self.attempt = LinkAttempt(
            SALON,
            pool,
            HalfLinks(self.rows, "process-1"),
            self._start,
            self.news.append,
        )

    async def _start(self) -> Start:
        self.starts += 1
        if self.trouble is not None:
            raise self.trouble
        return Start(
            store_url="postgres://store", device_name="AI Admin", proxy_url=f"proxy {self.starts}"
        )

    async def _start_linker(self) -> Linker:
        self.linkers.append(ScriptedLinker())
        return self.linkers[-1]

    async def linker(self, number: int) -> ScriptedLinker:
        """The linker of that number, from 1, when it has been told to start."""
        await wait_until(lambda: len(self.linkers) >= number and self.linkers[number - 1].told)
        return self.linkers[number - 1]

    async def heard(self, news: AttemptNews) -> None:
        await wait_until(lambda: news in self.news, what=str(news))


@pytest.fixture
async def trial() -> AsyncIterator[Trial]:
    trial = Trial()
    task = asyncio.create_task(trial.attempt.run())
    yield trial
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert all(linker.ended for linker in trial.linkers)


async def test_a_link_tells_its_steps_in_order(trial: Trial) -> None:
    linker = await trial.linker(1)
    linker.report(QR, Paired(jid=JID), Linked(jid=JID))

    await trial.heard(AttemptOver(None))

    assert isinstance(linker.told[0], Start)
    assert trial.news == [SlotGranted(), QR, Paired(jid=JID), AttemptOver(None)]


async def test_a_code_is_asked_for_only_when_the_connection_is_there(trial: Trial) -> None:
    linker = await trial.linker(1)
    request = trial.attempt.ask_code(PHONE)
    assert len(linker.told) == 1

    linker.report(QR)

    await wait_until(lambda: AskCode(request=request, phone=PHONE) in linker.told)


async def test_the_answer_to_an_older_request_is_forgotten(trial: Trial) -> None:
    linker = await trial.linker(1)
    linker.report(QR)
    await trial.heard(QR)
    old, new = trial.attempt.ask_code(PHONE), trial.attempt.ask_code(OTHER_PHONE)

    linker.report(
        CodeGiven(request=old, code="AAAA-1111"), CodeGiven(request=new, code="BBBB-2222")
    )

    await trial.heard(CodeGiven(request=new, code="BBBB-2222"))
    assert CodeGiven(request=old, code="AAAA-1111") not in trial.news


async def test_a_code_on_a_connection_too_old_for_it_gets_a_fresh_one_every_time(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_attempt, "CONNECTION_S", link_attempt.CODE_NEEDS_S - 1)
    fresh = await trial.linker(1)
    request = 0
    for number in range(1, 6):
        linker = fresh
        linker.report(QR)
        await wait_until(lambda number=number: trial.news.count(QR) == number)  # type: ignore[misc]
        request = trial.attempt.ask_code(PHONE)
        fresh = await trial.linker(number + 1)
        assert linker.ended
        assert AskCode(request=request, phone=PHONE) not in linker.told
    fresh.report(QR)

    await wait_until(lambda: AskCode(request=request, phone=PHONE) in fresh.told)
    assert trial.news.count(Restarted()) == 5


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (Ended(reason="qr-expired"), Reason.QR_EXPIRED),
        (Ended(reason="unreachable"), Reason.WHATSAPP_UNREACHABLE),
        (Ended(reason="outdated"), Reason.CLIENT_OUTDATED),
        (Ended(reason="refused"), Reason.REFUSED),
    ],
)
async def test_an_end_has_its_reason(trial: Trial, report: Ended, reason: Reason) -> None:
    (await trial.linker(1)).report(report)

    await trial.heard(AttemptOver(reason))


async def test_linkers_that_die_are_replaced_until_it_is_too_much(trial: Trial) -> None:
    for number in range(1, MAX_LOSSES + 2):
        (await trial.linker(number)).interrupt()

    await trial.heard(AttemptOver(Reason.LINKER_FAILED))

    assert trial.news.count(Restarted()) == MAX_LOSSES


async def test_a_code_that_was_asked_for_comes_from_the_next_linker(trial: Trial) -> None:
    linker = await trial.linker(1)
    linker.report(QR)
    await trial.heard(QR)
    request = trial.attempt.ask_code(PHONE)
    linker.interrupt()

    fresh = await trial.linker(2)
    fresh.report(QR)

    await wait_until(lambda: AskCode(request=request, phone=PHONE) in fresh.told)


async def test_before_a_qr_is_told_it_is_on_record_whose_device_it_will_be(trial: Trial) -> None:
    (await trial.linker(1)).report(QR)

    await trial.heard(QR)

    assert trial.rows.attempts == [RecordedAttempt(IDENTITY, SALON, is_over=False, is_newer=False)]


async def test_without_postgres_no_qr_is_told(trial: Trial) -> None:
    trial.rows.away = True
    (await trial.linker(1)).report(QR)

    await trial.heard(AttemptOver(Reason.STORE_UNAVAILABLE))

    assert QR not in trial.news


async def test_the_device_of_a_linker_that_died_after_the_phone_accepted_is_found(
    trial: Trial,
) -> None:
    linker = await trial.linker(1)
    linker.report(QR)
    await trial.heard(QR)
    trial.rows.keys = [
        StoredKey("79990000002:1@s.whatsapp.net", X25519PrivateKey.generate().private_bytes_raw()),
        StoredKey(JID, KEY.private_bytes_raw()),
    ]
    linker.interrupt()

    await trial.heard(AttemptOver(None))

    assert trial.news == [SlotGranted(), QR, Paired(jid=JID), AttemptOver(None)]


async def test_a_device_that_a_salon_has_is_not_found_again(trial: Trial) -> None:
    linker = await trial.linker(1)
    linker.report(QR)
    await trial.heard(QR)
    trial.rows.keys, trial.rows.owned = [StoredKey(JID, KEY.private_bytes_raw())], {JID}
    linker.interrupt()

    await trial.heard(Restarted())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_attempt, "FIRST_QR_S", 0.05)


async def test_silence_before_the_first_qr_means_that_whatsapp_is_away(
    impatient: None,  # noqa: ARG001 - before the attempt starts
    trial: Trial,
) -> None:
    await trial.heard(AttemptOver(Reason.WHATSAPP_UNREACHABLE))


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (StoreUnavailableError(), Reason.STORE_UNAVAILABLE),
        (UnusableRouteError(), Reason.PROXY_UNREACHABLE),
    ],
)
async def test_who_cannot_learn_the_way_does_not_connect(
    trouble: Exception, reason: Reason
) -> None:
    trial = Trial()
    trial.trouble = trouble

    await trial.attempt.run()

    assert trial.news[-1] == AttemptOver(reason)
    assert trial.linkers == []


async def test_a_row_that_cannot_be_read_does_not_hide_the_device_that_is_looked_for() -> None:
    rows = Rows()
    rows.keys = [
        StoredKey(jid="79990000002@s.whatsapp.net", identity_key=KEY.private_bytes_raw()),
        StoredKey(jid="79990000003:1@s.whatsapp.net", identity_key=b"no key"),
        StoredKey(jid=JID, identity_key=KEY.private_bytes_raw()),
    ]

    assert str(await HalfLinks(rows, "process-1").device_of(IDENTITY)) == JID
