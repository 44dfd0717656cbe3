"""What a phone sends its new companion device: the app state key and an empty history.

Without it Baileys holds all events back for 20 s and more. The contents say that there is
nothing to sync; they are encrypted for the device as any message is.
"""

import os
import secrets
import time
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from sandbox.whatsapp_network.account import Account, Companion, now_ms
from sandbox.whatsapp_network.node import Attribute, Node
from sandbox.whatsapp_network.protobufs import HistorySync, Message
from sandbox.whatsapp_network.signal_session import Bundle, SendingSession

if TYPE_CHECKING:
    from sandbox.whatsapp_network.connection import Connection

_KEY_BYTES: Final = 32
_COMPLETE_PERCENT: Final = 100


async def send_first_sync(connection: "Connection", account: Account, companion: Companion) -> None:
    """Send it once; a device that drops out meanwhile gets it after its next upload of keys."""
    session = SendingSession(account, Bundle.take(companion))
    for message in _messages(account):
        await connection.send(_stanza(account, session.encrypt(message.SerializeToString())))
    companion.first_sync_sent = True
    connection.network.changed()


def _messages(account: Account) -> Iterator[Any]:
    yield _app_state_key_share()
    for sync_type in ("INITIAL_BOOTSTRAP", "PUSH_NAME", "RECENT"):
        history = HistorySync(
            syncType=HistorySync.HistorySyncType.Value(sync_type),
            chunkOrder=1,
            progress=_COMPLETE_PERCENT,
        )
        if sync_type == "PUSH_NAME":
            history.pushnames.add(ID=str(account.jid()), pushname=account.name)
        yield _history_notification(history)


def _app_state_key_share() -> Any:
    message = Message()
    message.protocolMessage.type = message.protocolMessage.APP_STATE_SYNC_KEY_SHARE
    key = message.protocolMessage.appStateSyncKeyShare.keys.add()
    key.keyID.keyID = (1).to_bytes(6, "big")
    key.keyData.keyData = os.urandom(_KEY_BYTES)
    key.keyData.fingerprint.rawID = 1
    key.keyData.fingerprint.currentIndex = 0
    key.keyData.fingerprint.deviceIndexes.append(0)
    key.keyData.timestamp = now_ms()
    return message


def _history_notification(history: Any) -> Any:
    message = Message()
    message.protocolMessage.type = message.protocolMessage.HISTORY_SYNC_NOTIFICATION
    notification = message.protocolMessage.historySyncNotification
    notification.syncType = history.syncType
    notification.chunkOrder = history.chunkOrder
    notification.progress = history.progress
    notification.initialHistBootstrapInlinePayload = zlib.compress(history.SerializeToString())
    return message


def _stanza(account: Account, encrypted: bytes) -> Node:
    head: dict[str, Attribute] = {
        "id": f"3A{secrets.token_hex(9).upper()}",
        "type": "text",
        "t": str(int(time.time())),
        "from": account.jid(),
        "category": "peer",
    }
    return Node("message", head, [Node("enc", {"v": "2", "type": "pkmsg"}, encrypted)])
