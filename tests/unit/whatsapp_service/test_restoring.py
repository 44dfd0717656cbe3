"""Restoring is counted round by round, and told in the log."""

from structlog.testing import capture_logs

from whatsapp_service.sessions.restoring import LOG_EVERY, Restoring


def test_says_how_far_it_has_come() -> None:
    restoring = Restoring()
    restoring.expect(3)
    restoring.count(connected=True)
    assert restoring.describe() == {"done": 1, "of": 3}
    assert restoring.under_way


def test_logs_its_start_its_progress_and_its_end() -> None:
    with capture_logs() as logs:
        restoring = Restoring()
        restoring.expect(LOG_EVERY + 1)
        for number in range(LOG_EVERY + 1):
            restoring.count(connected=number > 0)
    assert [log["event"] for log in logs] == [
        "restore_started",
        "restore_progress",
        "restore_finished",
    ]
    progress, finished = logs[1], logs[2]
    assert (progress["done"], progress["of"], progress["connected"]) == (50, 51, 49)
    assert (finished["sessions"], finished["connected"]) == (51, 50)


def test_sessions_that_join_are_of_the_same_round_until_it_ends() -> None:
    restoring = Restoring()
    restoring.expect(1)
    restoring.expect(2)
    assert restoring.describe() == {"done": 0, "of": 3}
    for _ in range(3):
        restoring.count(connected=True)
    restoring.expect(1)
    assert restoring.describe() == {"done": 0, "of": 1}


def test_nothing_to_restore_is_the_end_at_once() -> None:
    with capture_logs() as logs:
        Restoring().expect(0)
    assert [log["event"] for log in logs] == ["restore_started", "restore_finished"]


def test_what_others_have_taken_is_not_waited_for() -> None:
    with capture_logs() as logs:
        restoring = Restoring()
        restoring.expect(3)
        restoring.count(connected=True)
        restoring.expect_fewer(2)
    assert not restoring.under_way
    assert restoring.describe() == {"done": 1, "of": 1}
    assert [log["event"] for log in logs] == ["restore_started", "restore_finished"]
