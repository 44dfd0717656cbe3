"""An account whose new devices must show a passkey before the phone vouches for them.

As reported publicly since 2026-06-30, when WhatsApp began to ask some accounts for it. Sure: the
notification's type, its child and the JSON in it (captured by several projects, and what whatsmeow
parses), and that it comes after the phone has scanned the QR, or after ``companion_finish`` of a
code. Guessed: when the server gives up, and whether the QR could be scanned again meanwhile. What
follows a passkey (the prologue, the ephemeral identities, the confirmation code) is not built: the
client library has no call for it.
"""

import base64
import json
import os
import time
from typing import NoReturn

from sandbox.whatsapp_network.account import Account
from sandbox.whatsapp_network.connection import ConnectionGoneError
from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.jid import SERVER
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.node import Attribute, Node
from sandbox.whatsapp_network.offers import Offer


async def ask_for_passkey(network: Network, offer: Offer, account: Account) -> NoReturn:
    """Challenge the companion, and raise NetworkError: the phone waits for it in vain."""
    network.journal.note("passkey_asked", account.number)
    head: dict[str, Attribute] = {
        "from": SERVER,
        "type": "passkey_prologue_request",
        "id": offer.connection.next_id(),
        "t": str(int(time.time())),
    }
    options = Node("passkey_request_options", content=_request_options())
    try:
        await offer.connection.send(Node("notification", head, [options]))
    except ConnectionGoneError as error:
        raise NetworkError(Code.LINK_LOST, "Устройство отключилось") from error
    raise NetworkError(Code.PASSKEY_REQUIRED, "Продолжите на другом устройстве: нужен ключ доступа")


def _request_options() -> bytes:
    """PublicKeyCredentialRequestOptionsJSON of WebAuthn level 3."""
    challenge = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    options = {
        "challenge": challenge,
        "timeout": 600_000,
        "rpId": "whatsapp.com",
        "allowCredentials": [],
        "userVerification": "required",
        "extensions": {"uvm": True},
    }
    return json.dumps(options).encode()
