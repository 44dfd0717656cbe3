"""Named timers of a session."""

from tests.support.waiting import wait_until
from whatsapp_service.sessions.timers import Timers


async def test_a_timer_of_the_same_name_replaces_the_other_and_each_fires_once() -> None:
    timers, fired = Timers(), list[str]()
    timers.set("reopen", 60, lambda: fired.append("old"))
    timers.set("reopen", 0, lambda: fired.append("new"))

    await wait_until(lambda: fired)

    assert fired == ["new"]
    assert len(timers) == 0


async def test_what_remains_of_a_timer() -> None:
    timers = Timers()
    timers.set("reopen", 60, lambda: None)

    remaining_s = timers.remaining_s("reopen")

    assert remaining_s is not None
    assert 30 < remaining_s <= 60
    timers.cancel_all()
    assert timers.remaining_s("reopen") is None
