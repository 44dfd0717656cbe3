"""Waiting for what becomes of a request."""

import asyncio
import contextlib

import pytest

from api_service.core.outcomes import Expectation, Outcomes
from shared.company_id import SessionId
from shared.errors import ErrorCode
from shared.failures import failure_code
from shared.messages.events import AnySessionEvent, CommandResult, Connected
from shared.messages.status import Reason, SessionStatus
from tests.support.waiting import PATIENCE_S

ONE, TWO = SessionId("company_1"), SessionId("company_2")


def phone_of(event: AnySessionEvent) -> str | None:
    return event.phone_number if isinstance(event, Connected) else None


def connected(session_id: SessionId, phone: str = "79990000001") -> Connected:
    return Connected(company_id=session_id, phone_number=phone)


async def test_the_first_deciding_event_of_the_session_is_the_outcome() -> None:
    outcomes, expectation = Outcomes(), Expectation(phone_of)
    with outcomes.expecting(ONE, expectation):
        outcomes.take(connected(TWO, "79990000009"))
        outcomes.take(CommandResult(company_id=ONE, command_id="c", success=True))
        outcomes.take(connected(ONE, "79990000001"))
        outcomes.take(connected(ONE, "79990000002"))

        assert await expectation.outcome(1) == "79990000001"


async def test_several_may_wait_for_one_session() -> None:
    outcomes = Outcomes()
    first, second = Expectation(phone_of), Expectation(phone_of)
    with outcomes.expecting(ONE, first), outcomes.expecting(ONE, second):
        assert outcomes.waiting == 2
        outcomes.take(connected(ONE))

        assert await first.outcome(1) == await second.outcome(1)


async def test_nobody_is_left_waiting() -> None:
    outcomes, expectation = Outcomes(), Expectation(phone_of)
    with pytest.raises(TimeoutError), outcomes.expecting(ONE, expectation):
        await expectation.outcome(0.01)

    assert outcomes.waiting == 0
    outcomes.take(connected(ONE))


async def test_a_cancellation_that_was_swallowed_before_ends_the_wait() -> None:
    async def wait() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await Expectation(phone_of).outcome(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE_S)


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (SessionStatus.ERROR, Reason.LINKER_QUEUE_FULL, ErrorCode.LINKER_QUEUE_FULL),
        (SessionStatus.ERROR, Reason.REFUSED, ErrorCode.LINK_REFUSED),
        (SessionStatus.ERROR, Reason.CREDENTIALS_MISSING, ErrorCode.LINKER_FAILED),
        (SessionStatus.ERROR, "a_reason_of_tomorrow", ErrorCode.LINKER_FAILED),
        (SessionStatus.ERROR, None, ErrorCode.LINKER_FAILED),
        (SessionStatus.OUTDATED, None, ErrorCode.CLIENT_OUTDATED),
        (SessionStatus.QR_EXPIRED, Reason.QR_EXPIRED, None),
        (SessionStatus.BANNED, Reason.TEMPORARY_BAN, None),
        (SessionStatus.CONNECTED, None, None),
    ],
)
def test_which_statuses_are_failed_attempts(
    status: SessionStatus, reason: str | None, code: ErrorCode | None
) -> None:
    assert failure_code(status, reason) is code
