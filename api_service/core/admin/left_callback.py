"""What an operator has to send to YClients for a salon that was left to him.

The log line ``callback_left_to_operator`` says that there is something to send, with its secrets
masked; this is the whole of it.
"""

import json
from dataclasses import dataclass

from api_service.core.hook_address import hook_url
from api_service.core.vault import Vault, is_sealed
from api_service.store.activations import IntegrationStatus, find_left_callback
from shared.company_id import SalonId
from shared.db import Connection


@dataclass(frozen=True, slots=True)
class CallbackOffice:
    """``public_url``: without a slash at its end."""

    vault: Vault
    application_id: int
    public_url: str

    async def body_for(self, connection: Connection, salon_id: SalonId) -> str | None:
        """JSON for POST /marketplace/partner/callback/redirect.

        None for a salon that is not left to an operator. Raises LookupError when none of the keys
        opens the salon's secrets, AppError(NOT_CONFIGURED) without a key.
        """
        left = await find_left_callback(connection, salon_id)
        if left is None or left.status is not IntegrationStatus.PENDING_CALLBACK:
            return None
        api_key, secret = self._opened(left.api_key), self._opened(left.webhook_secret)
        body = {
            "salon_id": salon_id,
            "application_id": self.application_id,
            "api_key": api_key,
            "webhook_urls": [hook_url(self.public_url, salon_id, secret)],
        }
        return json.dumps(body, ensure_ascii=False)

    def _opened(self, kept: str | None) -> str:
        opened = self.vault.open(kept) if kept and is_sealed(kept) else kept
        if not opened:
            raise LookupError
        return opened
