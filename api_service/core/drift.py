"""Where a salon stands here and in YClients, and what brings the two together. Pure."""

from enum import StrEnum
from typing import Final

from api_service.store.activations import IntegrationStatus
from api_service.yclients.errors import RefusedError, YclientsError
from api_service.yclients.models import ConnectionStatus, SalonConnection

_LIVE: Final = frozenset({IntegrationStatus.ACTIVE, IntegrationStatus.FROZEN})
_WAITING: Final = frozenset(
    {
        IntegrationStatus.ACTIVATION_PENDING,
        IntegrationStatus.ACTIVATION_FAILED,
        IntegrationStatus.PENDING_CALLBACK,
    }
)


class There(StrEnum):
    """What YClients says. `UNCLEAR`: an error, no answer, or a status that we do not know."""

    ACTIVE = "active"
    FREEZED = "freezed"
    PENDING = "pending"
    GONE = "gone"
    UNCLEAR = "unclear"


class Repair(StrEnum):
    UNINSTALL = "uninstall"
    FREEZE = "freeze"
    THAW = "thaw"
    ACTIVATE = "activate"


def said(answer: SalonConnection | YclientsError) -> There:
    """Only YClients' own words that it is not installed mean that it is gone."""
    if isinstance(answer, YclientsError):
        gone = isinstance(answer, RefusedError) and answer.reason == "not_installed"
        return There.GONE if gone else There.UNCLEAR
    match answer.status:
        case ConnectionStatus.ACTIVE:
            return There.ACTIVE
        case ConnectionStatus.FREEZED:
            return There.FREEZED
        case ConnectionStatus.PENDING:
            return There.PENDING
        case ConnectionStatus.UNINSTALLED:
            return There.GONE
        case _:
            return There.UNCLEAR


def repair_of(here: IntegrationStatus, there: There) -> Repair | None:
    """None when nothing is to be done, or nobody can know what."""
    match there:
        case There.GONE if here in _LIVE:
            return Repair.UNINSTALL
        case There.FREEZED if here is IntegrationStatus.ACTIVE:
            return Repair.FREEZE
        case There.ACTIVE if here is IntegrationStatus.FROZEN:
            return Repair.THAW
        case There.ACTIVE if here in _WAITING:
            return Repair.ACTIVATE
        case _:
            return None
