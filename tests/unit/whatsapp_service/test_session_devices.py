"""Which device a session has when Postgres is away, and when a link attempt comes to nothing."""

import asyncio

import pytest
from structlog.testing import capture_logs

from shared.bus.commands import MovedError
from shared.errors import ErrorCode
from shared.messages.commands import RequestPairingCode, RequestQr, Unlink
from shared.messages.events import StatusChanged
from shared.messages.status import Reason, SessionStatus
from tests.support.session_stage import BAN_S, JID, Stage, command
from tests.support.waiting import wait_until
from whatsapp_service.sessions import retrying
from whatsapp_service.sessions import session as session_module
from whatsapp_service.sessions.state import Ended


async def test_a_linked_salon_is_opened_when_postgres_comes_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "RECALL_RETRY_S", 0.02)
    stage.rows.jid, stage.rows.away = JID, True
    stage.session.recall()
    await wait_until(lambda: stage.session.timers)
    assert not stage.session.retirable

    stage.rows.away = False

    await wait_until(lambda: stage.rows.ended == [Reason.CREDENTIALS_MISSING])


async def test_an_outage_of_postgres_is_one_line_of_each_session(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "RECALL_RETRY_S", 0.01)
    monkeypatch.setattr(retrying, "STORE_RETRY_S", 0.01)
    stage.rows.jid, stage.rows.away = JID, True
    with capture_logs() as lines:
        stage.session.recall()
        await wait_until(lambda: stage.rows.asked > 3)
        stage.rows.away, stage.rows.credentials_away = False, True
        await wait_until(lambda: stage.session.state.reason is Reason.STORE_UNAVAILABLE)
        asked = stage.rows.asked
        await wait_until(lambda: stage.rows.asked > asked + 3)

    said = [line["event"] for line in lines if line["log_level"] == "warning"]
    assert said == ["device_not_recalled", "credentials_not_readable"]


async def test_nothing_is_linked_or_called_unlinked_before_the_salons_device_is_known(
    stage: Stage,
) -> None:
    stage.rows.jid, stage.rows.away = JID, True
    stage.session.recall()
    linking, unlinking = command(RequestQr), command(Unlink)
    await wait_until(lambda: stage.session.timers)

    await stage.session.submit(linking)
    await stage.session.submit(unlinking)

    assert stage.attempts == 0
    assert stage.heard.answers(linking) == [ErrorCode.SERVICE_UNAVAILABLE]
    assert stage.heard.answers(unlinking) == [ErrorCode.UNLINK_FAILED]
    told = [said.event for said in stage.heard.said if isinstance(said.event, StatusChanged)]
    assert (told[-1].status, told[-1].reason) == (SessionStatus.ERROR, Reason.STORE_UNAVAILABLE)


async def test_a_request_is_carried_out_as_soon_as_postgres_is_back(stage: Stage) -> None:
    stage.rows.away = True
    stage.session.recall()
    await wait_until(lambda: stage.session.timers)
    stage.rows.away = False
    asked = command(RequestQr)

    await stage.session.submit(asked)

    assert stage.heard.answers(asked) == [None]
    await wait_until(lambda: stage.attempts == 1)


async def test_unlinking_in_the_middle_of_an_attempt_unlinks_the_device_there_was_before(
    stage: Stage,
) -> None:
    await stage.banned()
    await stage.session.submit(command(RequestQr))
    await wait_until(lambda: stage.attempts == 1)
    asked = command(Unlink)

    await stage.session.submit(asked)

    assert stage.heard.answers(asked) == [None]
    assert stage.rows.jid is None
    assert stage.session.state.status is SessionStatus.LOGGED_OUT


async def test_a_stop_in_the_middle_of_an_attempt_does_not_tell_that_a_phone_has_accepted(
    stage: Stage,
) -> None:
    """The device there was before is the next owner's, and as banned as it was."""
    await stage.banned()
    await stage.session.submit(command(RequestQr))
    await wait_until(lambda: stage.attempts == 1)

    await stage.session.stop()

    told = [event.status for event in stage.heard.events(StatusChanged)]
    assert SessionStatus.LINKING not in told
    assert told[-1] is SessionStatus.QR_EXPIRED
    assert stage.rows.jid == JID


async def test_a_banned_device_comes_back_by_itself_after_any_number_of_failed_attempts(
    stage: Stage,
) -> None:
    device = await stage.banned()
    stage.linkers_fail = True

    for attempt in range(1, 4):
        await stage.session.submit(command(RequestQr))
        await wait_until(lambda attempt=attempt: stage.attempts == attempt)  # type: ignore[misc]
        await wait_until(lambda: not stage.session.linking.busy)

        assert stage.session.device == device
        assert (stage.session.timers.remaining_s("reopen") or 0) > BAN_S - 60


async def test_a_replaced_device_stays_the_salons_and_closed_after_a_failed_attempt(
    stage: Stage,
) -> None:
    device = await stage.banned()
    stage.linkers_fail = True
    stage.session.timers.cancel("reopen")
    stage.session.apply(Ended(SessionStatus.REPLACED, Reason.REPLACED))

    await stage.session.submit(command(RequestQr))
    await wait_until(lambda: stage.attempts == 1 and not stage.session.linking.busy)

    assert stage.session.device == device
    assert not stage.session.timers
    assert not stage.session.retirable


async def test_an_unlinking_that_comes_too_late_leaves_another_one_alone(stage: Stage) -> None:
    await stage.banned()
    stage.rows.credentials_away = True
    wanted, late = command(Unlink), command(Unlink, lives_ms=0)
    first = asyncio.create_task(stage.session.submit(wanted))
    await wait_until(lambda: stage.session.unlinking.wanted)

    await stage.session.submit(late)

    assert stage.heard.answers(late) == [ErrorCode.COMMAND_EXPIRED]
    assert stage.heard.answers(wanted) == []
    assert stage.session.unlinking.wanted
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_an_unlinking_that_a_stop_cuts_short_is_for_the_next_owner(stage: Stage) -> None:
    await stage.banned()
    stage.rows.credentials_away = True
    wanted = command(Unlink)
    unlinking = asyncio.create_task(stage.session.submit(wanted))
    await wait_until(lambda: stage.session.unlinking.wanted)

    await stage.session.stop()

    with pytest.raises(MovedError):
        await unlinking
    assert stage.heard.answers(wanted) == []


async def test_a_code_that_waits_when_the_session_has_another_owner_is_for_that_one(
    stage: Stage,
) -> None:
    """It is not answered here: nobody listens to one who was overtaken."""
    asked = command(RequestPairingCode, phone_number="79990000001")
    asking = asyncio.create_task(stage.session.submit(asked))
    await wait_until(lambda: stage.attempts == 1)

    stage.session.post(stage.session.give_in)

    with pytest.raises(MovedError):
        await asking
    assert stage.heard.answers(asked) == []
