"""The thread that ends a process which may have lost its sessions without knowing it."""

import threading

import pytest

from tests.support.waiting import block_until
from whatsapp_service.owners import guard as guard_module
from whatsapp_service.owners.guard import Guard, elapsed_s


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "LOOK_EVERY_S", 0.01)


def test_without_a_sign_of_life_it_ends_the_process_from_its_own_thread() -> None:
    ended_by: list[threading.Thread] = []
    guard = Guard(limit_s=0.05, end=lambda: ended_by.append(threading.current_thread()))
    guard.start()

    block_until(lambda: ended_by)

    assert ended_by[0] is not threading.current_thread()
    guard.stop()


def test_a_sign_counts_from_when_it_was_sent_and_an_old_one_takes_nothing_back() -> None:
    ended = threading.Event()
    guard = Guard(limit_s=0.3, end=ended.set)
    guard.start()
    started = elapsed_s()
    guard.sign(started + 0.5)
    guard.sign(started - 100)

    assert ended.wait(5)

    assert elapsed_s() - started >= 0.8
    guard.stop()


def test_one_that_was_stopped_ends_nothing() -> None:
    ended = threading.Event()
    guard = Guard(limit_s=0.05, end=ended.set)
    guard.start()
    guard.stop()
    assert not ended.wait(0.2)
