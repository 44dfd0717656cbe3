"""What a redirect from YClients means for a salon: who may go on, and what begins anew.

Pure rules. A redirect is signed for its user, not for its salon: what YClients says of the salon's
connection, and who connected it before, decide.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.errors import AppError, ErrorCode


class Said(StrEnum):
    """What YClients says of our application in a salon. `NOTHING`: no answer, or one without it."""

    PENDING = "pending"
    ACTIVE = "active"
    FREEZED = "freezed"
    ANOTHER = "another"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Known:
    """A salon that has been here before."""

    status: str
    user_id: str | None

    def is_open_to(self, user_id: str | None) -> bool:
        """Whoever connected it; anybody, while it is not known who did."""
        return self.user_id is None or self.user_id == user_id


class Due(StrEnum):
    """When the activation's next step is to be made: as it was, or at once."""

    UNCHANGED = "unchanged"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class Course:
    """``anew``: a new installation begins, and nothing of the last one counts any more."""

    status: str
    anew: bool = False
    due: Due = Due.UNCHANGED


_LIVE: Final = frozenset({"active", "frozen"})
_ENDED_UNSEEN: Final = frozenset({"active", "frozen"})
"""A salon in one of these, for which YClients waits again, was uninstalled without our notice."""
_UNDER_WAY: Final = frozenset({"activating", "activation_pending", "pending_callback"})
"""What was or is being sent stays as it is: an operator may have it in hand."""
_FROZEN: Final = "frozen"
_ONBOARDING: Final = "pending_whatsapp"


def admit(said: Said, known: Known | None, user_id: str | None, *, strict: bool) -> bool:
    """Whether YClients has confirmed that this user may connect this salon.

    Without an answer everybody goes on, except to a live salon that somebody else has connected:
    neither would they with one. If ``strict``, raises AppError(SALON_NOT_CONNECTED),
    AppError(SALON_OF_ANOTHER_USER).
    """
    match said:
        case Said.PENDING:
            return True
        case Said.ACTIVE | Said.FREEZED if known is not None:
            if known.is_open_to(user_id):
                return True
            refusal = ErrorCode.SALON_OF_ANOTHER_USER
        case Said.NOTHING:
            if known is None or known.status not in _LIVE or known.is_open_to(user_id):
                return False
            refusal = ErrorCode.SALON_OF_ANOTHER_USER
        case _:
            refusal = ErrorCode.SALON_NOT_CONNECTED
    if strict:
        raise AppError(refusal)
    return False


def thaws(status: str, said: Said) -> bool:
    """Whether its WhatsApp has to be thawed before it goes on."""
    return status == _FROZEN and said in {Said.PENDING, Said.ACTIVE}


def course_of(status: str, said: Said) -> Course:
    """How a salon in this status goes on. The owner has pressed «Подключить»: try at once."""
    if status in {"uninstalled", _ONBOARDING}:
        return Course(_ONBOARDING, anew=True)
    if said is Said.PENDING and status in _ENDED_UNSEEN:
        return Course(_ONBOARDING, anew=True)
    if status in _UNDER_WAY:
        return Course(status, due=Due.NOW)
    if status == "activation_failed":
        return Course(_ONBOARDING, due=Due.NOW)
    if status == _FROZEN and said is Said.ACTIVE:
        return Course("active")
    return Course(status)
