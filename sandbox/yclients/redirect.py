"""The redirect that YClients makes when an owner connects an application."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from sandbox.yclients.connections import Salon

REDIRECT_PATH: Final = "/auth/yclients/redirect"


def redirect_url(api_url: str, partner_token: str, salon: Salon) -> str:
    """Return the URL that the owner's browser is sent to, signed as YClients signs it."""
    user_data, signature = sign(salon.user_data(), partner_token)
    query = {"salon_id": salon.salon_id, "user_data": user_data, "user_data_sign": signature}
    return f"{api_url}{REDIRECT_PATH}?{urlencode(query)}"


def sign(user_data: Mapping[str, object], partner_token: str) -> tuple[str, str]:
    """Return base64 and hex signature, which is over the decoded JSON bytes.

    The URL-safe alphabet with padding, as seen live (facts on YClients, section 2).
    """
    raw = json.dumps(user_data, ensure_ascii=False).encode()
    signature = hmac.new(partner_token.encode(), raw, hashlib.sha256).hexdigest()
    return base64.urlsafe_b64encode(raw).decode(), signature
