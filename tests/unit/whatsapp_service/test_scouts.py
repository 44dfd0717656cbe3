"""Who may try whether WhatsApp can be reached again, the clock in the test's hand."""

import asyncio

from shared.messages.status import Reason, SessionStatus
from tests.support.clock import Clock
from tests.support.session_stage import JID, Stage
from tests.support.waiting import wait_until
from whatsapp_service.proxy_url import ProxyUrl
from whatsapp_service.sessions.scouts import BELIEVED_AFTER, SCOUT_S, Scouts

PROXY = ProxyUrl.parse("http://10.0.0.1:3128")


def away(scouts: Scouts) -> None:
    for _ in range(BELIEVED_AFTER):
        assert scouts.may_try(None)
        scouts.failed(None)


def test_a_failure_or_two_hold_nobody_back() -> None:
    scouts = Scouts()
    for _ in range(BELIEVED_AFTER - 1):
        scouts.failed(None)
    assert scouts.may_try(None)
    assert scouts.may_try(None)


def test_then_one_at_a_time_goes_and_the_others_wait_for_its_word() -> None:
    scouts = Scouts()
    away(scouts)

    assert scouts.may_try(None)
    assert not scouts.may_try(None)
    scouts.failed(None)
    assert scouts.may_try(None)
    assert not scouts.may_try(None)

    scouts.reached(None)
    assert all(scouts.may_try(None) for _ in range(10))


def test_a_scout_that_never_comes_back_is_not_waited_for_without_end() -> None:
    clock = Clock()
    scouts = Scouts(clock_s=clock)
    away(scouts)
    assert scouts.may_try(None)
    clock.now_s += SCOUT_S - 1
    assert not scouts.may_try(None)
    clock.now_s += 1
    assert scouts.may_try(None)


def test_each_way_is_its_own() -> None:
    scouts = Scouts()
    away(scouts)
    assert scouts.may_try(None)
    assert not scouts.may_try(None)
    assert all(scouts.may_try(PROXY) for _ in range(10))
    scouts.reached(PROXY)
    assert not scouts.may_try(None)


async def test_a_session_that_is_no_scout_makes_no_client_and_asks_again(stage: Stage) -> None:
    """The stage's gateway has none to give."""
    away(stage.services.scouts)
    assert stage.services.scouts.may_try(None)
    stage.rows.jid, stage.rows.credentials_there = JID, True
    now_s = asyncio.get_running_loop().time
    began_s = now_s()

    stage.session.recall()

    await wait_until(lambda: stage.session.state.reason is Reason.WHATSAPP_UNREACHABLE)
    assert stage.session.state.status is SessionStatus.RECONNECTING
    assert stage.session.errors == 0
    left_s = stage.session.timers.remaining_s("reopen")
    assert left_s is not None
    assert left_s < 20
    assert now_s() + left_s > began_s + 5
