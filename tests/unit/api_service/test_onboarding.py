"""The rules by which a redirect is let in, and what begins anew with it."""

import pytest

from api_service.core.connection_check import said_by
from api_service.core.onboarding import Course, Due, Known, Said, admit, course_of, thaws
from api_service.yclients.models import SalonConnection
from shared.errors import AppError, ErrorCode

OWN, OTHER, NOBODY = "501", "502", None
ALL_SAID = list(Said)


def verdict(
    said: Said, known: Known | None, user_id: str | None = OWN, *, strict: bool = True
) -> bool | ErrorCode:
    try:
        return admit(said, known, user_id, strict=strict)
    except AppError as error:
        return error.code


@pytest.mark.parametrize("known", [None, Known("active", OTHER), Known("uninstalled", OWN)])
def test_a_salon_for_which_yclients_waits_is_open_to_everybody(known: Known | None) -> None:
    assert verdict(Said.PENDING, known) is True


@pytest.mark.parametrize("said", [Said.ACTIVE, Said.FREEZED])
@pytest.mark.parametrize("status", ["active", "frozen", "activating", "activation_failed"])
def test_a_live_salon_is_open_to_who_connected_it(said: Said, status: str) -> None:
    assert verdict(said, Known(status, OWN)) is True
    assert verdict(said, Known(status, NOBODY)) is True
    assert verdict(said, Known(status, OTHER)) is ErrorCode.SALON_OF_ANOTHER_USER
    assert verdict(said, Known(status, OWN), None) is ErrorCode.SALON_OF_ANOTHER_USER


@pytest.mark.parametrize("said", [Said.ACTIVE, Said.FREEZED, Said.ANOTHER])
def test_a_salon_that_never_was_here_and_does_not_wait_is_refused(said: Said) -> None:
    assert verdict(said, None) is ErrorCode.SALON_NOT_CONNECTED


def test_another_state_is_refused() -> None:
    assert verdict(Said.ANOTHER, Known("active", OWN)) is ErrorCode.SALON_NOT_CONNECTED


def test_without_an_answer_one_goes_on_unverified() -> None:
    assert verdict(Said.NOTHING, None) is False
    assert verdict(Said.NOTHING, Known("active", OWN)) is False
    assert verdict(Said.NOTHING, Known("pending_whatsapp", OTHER)) is False


@pytest.mark.parametrize("status", ["active", "frozen"])
def test_an_outage_of_yclients_opens_no_live_salon_to_others(status: str) -> None:
    assert verdict(Said.NOTHING, Known(status, OTHER)) is ErrorCode.SALON_OF_ANOTHER_USER


@pytest.mark.parametrize("said", ALL_SAID)
@pytest.mark.parametrize("known", [None, Known("active", OTHER)])
def test_nobody_is_refused_unless_it_is_wanted(said: Said, known: Known | None) -> None:
    assert verdict(said, known, strict=False) is (said is Said.PENDING)


ANEW = Course("pending_whatsapp", anew=True)


@pytest.mark.parametrize("said", ALL_SAID)
@pytest.mark.parametrize("status", ["uninstalled", "pending_whatsapp"])
def test_a_salon_that_is_not_connected_begins_anew(status: str, said: Said) -> None:
    assert course_of(status, said) == ANEW


@pytest.mark.parametrize("status", ["active", "frozen"])
def test_a_missed_uninstall_is_seen(status: str) -> None:
    assert course_of(status, Said.PENDING) == ANEW


@pytest.mark.parametrize("said", [Said.ACTIVE, Said.FREEZED, Said.ANOTHER, Said.NOTHING])
def test_what_is_connected_stays_so(said: Said) -> None:
    assert course_of("active", said) == Course("active")


@pytest.mark.parametrize("said", ALL_SAID)
def test_an_activation_under_way_is_tried_at_once(said: Said) -> None:
    assert course_of("activating", said) == Course("activating", due=Due.NOW)
    assert course_of("activation_pending", said) == Course("activation_pending", due=Due.NOW)
    assert course_of("pending_callback", said) == Course("pending_callback", due=Due.NOW)
    assert course_of("activation_failed", said) == Course("pending_whatsapp", due=Due.NOW)


def test_a_frozen_salon_is_thawed_by_what_yclients_says() -> None:
    assert course_of("frozen", Said.ACTIVE) == Course("active")
    assert course_of("frozen", Said.FREEZED) == Course("frozen")
    assert course_of("frozen", Said.NOTHING) == Course("frozen")
    assert [said for said in ALL_SAID if thaws("frozen", said)] == [Said.PENDING, Said.ACTIVE]
    assert not any(thaws("active", said) for said in ALL_SAID)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"connection_status": {"status": "pending"}}, (Said.PENDING, "pending")),
        ({"connection_status": {"status": "active"}}, (Said.ACTIVE, "active")),
        ({"connection_status": {"status": "freezed"}}, (Said.FREEZED, "freezed")),
        ({"connection_status": {"status": "uninstalled"}}, (Said.ANOTHER, "uninstalled")),
        ({"connection_status": {"status": "sleeping"}}, (Said.ANOTHER, "unknown_status")),
        ({"connection_status": []}, (Said.NOTHING, "no_status")),
        ([], (Said.NOTHING, "no_status")),
    ],
)
def test_what_yclients_says(data: object, said: tuple[Said, str]) -> None:
    assert said_by(SalonConnection.model_validate(data)) == said
