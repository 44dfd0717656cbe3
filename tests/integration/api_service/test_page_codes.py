"""Pairing codes over real Socket.IO: asked for, refused, limited, one at a time."""

import asyncio

import pytest

from api_service.core import linking
from api_service.settings import ApiSettings
from shared.bus import keys
from shared.company_id import SalonId, session_id_of
from shared.errors import ErrorCode
from shared.messages.commands import Command, RequestPairingCode
from shared.messages.status import SessionStatus
from tests.support.api import RunningApi, api_settings, running_api, token_for
from tests.support.page import open_page
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.whatsapp_side import WhatsAppSide, whatsapp_side

SALON = SalonId(1001)
SESSION = session_id_of(SALON)
PHONE = "79990000001"


async def test_a_code_is_asked_for_in_any_form_of_the_number(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async def react(command: Command) -> None:
        await whatsapp.code(command)
        await whatsapp.result(command)

    whatsapp.reaction = react
    async with open_page(api.url, token_for(SALON)) as page:
        await page.ask("request-pairing-code", {"phoneNumber": "8 (999) 000-00-01"})
        shown = await page.next("pairing-code")
        _, again = await page.ask_code("+79990000001")

    assert (shown["code"], shown["phoneNumber"]) == ("ABCD-1234", PHONE)
    assert 0 < shown["expiresIn"] <= 50
    assert again["code"] == shown["code"]
    assert again["expiresAt"] == shown["expiresAt"]
    [command] = whatsapp.commands
    assert isinstance(command, RequestPairingCode)
    assert command.phone_number == PHONE


ODD_NUMBERS: list[tuple[object, str]] = [
    ({}, "PHONE_REQUIRED"),
    ({"phoneNumber": ""}, "PHONE_REQUIRED"),
    ({"phoneNumber": None}, "PHONE_REQUIRED"),
    ({"phoneNumber": 79990000001}, "INVALID_PHONE_FORMAT"),
    ({"phoneNumber": ["7"]}, "INVALID_PHONE_FORMAT"),
    ({"phoneNumber": "123"}, "INVALID_PHONE_FORMAT"),
    ({"phoneNumber": "7" * 5000}, "INVALID_PHONE_FORMAT"),
]


async def test_an_odd_number_is_refused(api: RunningApi, whatsapp: WhatsAppSide) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        for count, (payload, code) in enumerate(ODD_NUMBERS, start=1):
            await page.ask("request-pairing-code", payload)
            told = await page.next("pairing-code-error", count)
            assert told["code"] == code, payload
            assert told["message"]

    assert whatsapp.commands == []


async def test_an_error_of_the_other_side_reaches_the_page_once(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    answers = [
        (ErrorCode.BAILEYS_ERROR, "BAILEYS_ERROR", None),
        (ErrorCode.PAIRING_CODE_FAILED, "PAIRING_CODE_FAILED", None),
        (ErrorCode.LINKER_QUEUE_FULL, "PAIRING_CODE_FAILED", "LINKER_QUEUE_FULL"),
    ]
    async with open_page(api.url, token_for(SALON)) as page:
        for count, (answered, code, cause) in enumerate(answers, start=1):

            async def react(command: Command, answered: ErrorCode = answered) -> None:
                await whatsapp.refuse_code(command, answered)
                await whatsapp.status(SESSION, SessionStatus.QR)

            whatsapp.reaction = react
            _, told = await page.ask_code(PHONE)
            assert (told["code"], told.get("cause")) == (code, cause)
            await page.next("status", 1 + count)
            told_once = [error for error in page.all("pairing-code-error") if error == told]
            assert len(told_once) == 1


async def test_a_code_that_does_not_come_is_told_and_may_be_asked_again(
    database_url: str, redis_url: str, whatsapp: WhatsAppSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy machine may bring a request to its session too late."""
    monkeypatch.setattr(linking, "LATE_S", PATIENCE_S)
    settings = api_settings(database_url, redis_url, code_deadline_s=0.2)
    async with running_api(settings) as api, open_page(api.url, token_for(SALON)) as page:
        for _ in range(5):
            _, told = await page.ask_code(PHONE)
            assert told["code"] == "PAIRING_CODE_FAILED"

    await wait_until(lambda: len(whatsapp.commands + whatsapp.refused) == 5)


async def test_codes_are_limited_by_number_also_over_salons(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async def react(command: Command) -> None:
        await whatsapp.code(command, lifetime_s=0.05)

    whatsapp.reaction = react
    for salon in (1001, 1002, 1003):
        async with open_page(api.url, token_for(salon)) as page:
            await page.ask_code(PHONE)
    async with open_page(api.url, token_for(1004)) as page:
        _, told = await page.ask_code(PHONE)
        assert told["code"] == "RATE_LIMITED"
        assert 500 < told["retryAfter"] <= 600
        name, _ = await page.ask_code("79990000002")
        assert name == "pairing-code"

    async for key in whatsapp.redis.scan_iter():
        assert PHONE not in str(key)


async def test_salons_that_ask_at_once_share_the_limit_of_a_number(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async def react(command: Command) -> None:
        await whatsapp.code(command, lifetime_s=0.05)

    async def ask(salon: int) -> str:
        async with open_page(api.url, token_for(salon)) as page:
            name, told = await page.ask_code(PHONE)
            return str(told["code"]) if name == "pairing-code-error" else name

    whatsapp.reaction = react
    answers = await asyncio.gather(*(ask(salon) for salon in range(2001, 2009)))

    assert sorted(answers) == ["RATE_LIMITED"] * 5 + ["pairing-code"] * 3
    assert len(whatsapp.commands) == 3


async def test_codes_are_limited_by_salon(database_url: str, redis_url: str) -> None:
    settings = api_settings(database_url, redis_url, codes_per_salon_per_hour=2)
    async with running_api(settings) as api, whatsapp_side(redis_url) as whatsapp:
        whatsapp.reaction = whatsapp.code
        async with open_page(api.url, token_for(SALON)) as page:
            for number in (1, 2):
                await page.ask_code(f"7999000000{number}")
            _, told = await page.ask_code("79990000003")

    assert told["code"] == "RATE_LIMITED"
    assert 3500 < told["retryAfter"] <= 3600


async def test_two_requests_at_once_on_two_processes_give_one_code(
    api: RunningApi, settings: ApiSettings, whatsapp: WhatsAppSide
) -> None:
    asked = asyncio.Event()

    async def react(command: Command) -> None:
        await asked.wait()
        await whatsapp.code(command)

    whatsapp.reaction = react
    async with (
        running_api(settings) as second,
        open_page(api.url, token_for(SALON)) as here,
        open_page(second.url, token_for(SALON)) as there,
    ):
        await asyncio.gather(
            *(page.ask("request-pairing-code", {"phoneNumber": PHONE}) for page in (here, there))
        )
        await wait_until(
            lambda: len(here.all("pairing-code-error") + there.all("pairing-code-error")) == 1
        )
        asked.set()
        shown = [await page.next("pairing-code") for page in (here, there)]
        [refused] = here.all("pairing-code-error") + there.all("pairing-code-error")
        _, again = await there.ask_code(PHONE)

    assert refused["code"] == "REQUEST_IN_PROGRESS"
    assert refused["retryAfter"] > 0
    assert {code["code"] for code in (*shown, again)} == {"ABCD-1234"}
    assert again["expiresAt"] == shown[0]["expiresAt"]
    assert len(whatsapp.commands) == 1


async def test_a_request_ends_with_its_page_and_frees_the_salon(
    api: RunningApi, whatsapp: WhatsAppSide
) -> None:
    async with open_page(api.url, token_for(SALON)) as page:
        await page.ask("request-pairing-code", {"phoneNumber": PHONE})
        await wait_until(lambda: whatsapp.commands)

    await wait_until(lambda: _free(whatsapp))


async def _free(whatsapp: WhatsAppSide) -> bool:
    return not await whatsapp.redis.exists(keys.pairing_lock(SESSION))
