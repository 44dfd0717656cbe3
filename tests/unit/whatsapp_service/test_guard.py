"""The thread that ends a process which may have lost its sessions without knowing it."""

import threading

import pytest

from tests.support.clock import Clock
from tests.support.waiting import PATIENCE_S, block_until
from whatsapp_service.owners import guard as guard_module
from whatsapp_service.owners.guard import Guard

LIMIT_S = 12.0


class Watched(Clock):
    """Knows how often somebody has looked at it."""

    looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return super().__call__()

    def seen(self) -> None:
        """The guard has looked, and made up its mind at least once."""
        before = self.looks
        block_until(lambda: self.looks >= before + 2)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Watched:
    clock = Watched()
    monkeypatch.setattr(guard_module, "elapsed_s", clock)
    monkeypatch.setattr(guard_module, "LOOK_EVERY_S", 0.01)
    return clock


def test_without_a_sign_of_life_it_ends_the_process_from_its_own_thread(clock: Watched) -> None:
    ended_by: list[threading.Thread] = []
    guard = Guard(LIMIT_S, lambda: ended_by.append(threading.current_thread()))
    guard.start()
    clock.now_s += LIMIT_S
    clock.seen()
    assert not ended_by

    clock.now_s += 0.1
    block_until(lambda: ended_by)

    assert ended_by[0] is not threading.current_thread()
    guard.stop()


def test_a_sign_counts_from_when_it_was_sent_and_an_old_one_takes_nothing_back(
    clock: Watched,
) -> None:
    ended = threading.Event()
    guard = Guard(LIMIT_S, ended.set)
    guard.start()
    started = clock.now_s
    guard.sign(started + 0.5)
    guard.sign(started - 100)

    clock.now_s += LIMIT_S + 0.4
    clock.seen()
    assert not ended.is_set()

    clock.now_s += 0.2
    assert ended.wait(PATIENCE_S)
    guard.stop()


def test_one_that_was_stopped_ends_nothing(clock: Watched) -> None:
    ended = threading.Event()
    guard = Guard(LIMIT_S, ended.set)
    guard.start()
    clock.seen()
    guard.stop()
    clock.now_s += LIMIT_S + 1
    assert not ended.wait(0.2)
