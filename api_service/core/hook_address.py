"""Where YClients tells of changed records of a salon: an address that nobody can guess.

Its calls are not signed (facts on YClients, 4b), so the secret in the path is all there is.
"""

import secrets
from typing import Final

from shared.company_id import SalonId

PREFIX: Final = "/webhook/yclients/hook"
_SECRET_BYTES: Final = 24


def new_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def hook_url(public_url: str, salon_id: SalonId, secret: str) -> str:
    return f"{public_url}{PREFIX}/{salon_id}/{secret}"
