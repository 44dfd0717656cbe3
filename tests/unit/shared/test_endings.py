"""The table of endings: whole, printed as it is, and with words for everybody concerned."""

import re
from pathlib import Path

import pytest

from shared.endings import ENDINGS, Ending, Retry, invites
from shared.messages.status import Reason, SessionStatus
from shared.texts import ENDING_TEXTS, status_text

ARCHITECTURE = Path(__file__).parents[3] / "ARCHITECTURE.md"
HEAD = "| what happened | reason | status | tried again | device | owner |"

OF_LINK_ATTEMPTS = {
    Reason.LINKER_FAILED,
    Reason.LINKER_QUEUE_FULL,
    Reason.QR_EXPIRED,
    Reason.PASSKEY_REQUIRED,
}


def line(ending: Ending) -> str:
    device = "stays" if ending.keeps_device else "deleted"
    cells = (
        ending.what,
        f"`{ending.reason}`",
        f"`{ending.status}`",
        ending.retry,
        device,
        "invited" if ending.invites else "",
    )
    return "| " + " | ".join(cells).replace("  ", " ").strip() + " |"


def test_architecture_prints_the_table_as_it_is() -> None:
    text = ARCHITECTURE.read_text("utf-8")
    assert HEAD in text
    printed = text.partition(HEAD)[2].split("\n\n")[0].splitlines()[2:]

    assert printed == [line(ending) for ending in ENDINGS.values()]


@pytest.mark.parametrize("reason", [it for it in Reason if it not in OF_LINK_ATTEMPTS])
def test_every_reason_a_session_may_have_is_in_the_table(reason: Reason) -> None:
    assert ENDINGS[reason].reason is reason


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=lambda ending: ending.reason)
def test_every_ending_is_explained_with_a_next_step(ending: Ending) -> None:
    text = status_text(ending.status, ending.reason)

    assert text == ENDING_TEXTS[ending.reason]
    assert re.search("[а-яё]", text.message)
    assert re.search("[а-яё]", text.next_step)


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=lambda ending: ending.reason)
def test_what_comes_back_by_itself_says_so(ending: Ending) -> None:
    by_itself = ending.retry not in {Retry.NEVER, Retry.THAW}

    assert (ending.status is SessionStatus.RECONNECTING) <= by_itself
    assert (not ending.keeps_device) <= (ending.retry is Retry.NEVER)


def test_nobody_is_invited_for_no_reason() -> None:
    assert not invites(None)
    assert not invites(Reason.QR_EXPIRED)
    assert not invites(Reason.UNLINKED)
    assert invites(Reason.DEVICE_REMOVED)
