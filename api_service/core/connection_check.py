"""YClients is asked what it says of a salon, while its owner waits."""

from typing import Final

from api_service.core.onboarding import Said
from api_service.yclients.client import Yclients
from api_service.yclients.errors import YclientsError
from api_service.yclients.models import ConnectionStatus, SalonConnection
from shared.company_id import SalonId

CHECK_S: Final = 2.5
"""An owner waits no longer for an answer without which he goes on all the same."""

_SAID: Final = {
    ConnectionStatus.PENDING: Said.PENDING,
    ConnectionStatus.ACTIVE: Said.ACTIVE,
    ConnectionStatus.FREEZED: Said.FREEZED,
}


class ConnectionCheck:
    def __init__(self, yclients: Yclients) -> None:
        self._yclients = yclients

    async def ask(self, salon_id: SalonId) -> tuple[Said, str]:
        """What YClients says, and that in its own words or the reason why it says nothing."""
        try:
            connection = await self._yclients.connection(salon_id, timeout_s=CHECK_S)
        except YclientsError as error:
            return Said.NOTHING, error.reason
        return said_by(connection)


def said_by(connection: SalonConnection) -> tuple[Said, str]:
    """A status that we do not know is another one; none at all is no answer."""
    if connection.status is not None:
        return _SAID.get(connection.status, Said.ANOTHER), connection.status.value
    if connection.connection_status.status:
        return Said.ANOTHER, "unknown_status"
    return Said.NOTHING, "no_status"
