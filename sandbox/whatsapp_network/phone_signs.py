"""Signs of life that a primary phone gives its companion devices while somebody uses it."""

import contextlib
import secrets
import time
from enum import StrEnum
from typing import Any, Final

from sandbox.whatsapp_network.account import Account, Companion
from sandbox.whatsapp_network.connection import Connection, ConnectionGoneError
from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.jid import Jid
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.node import Attribute, Node
from sandbox.whatsapp_network.protobufs import Message
from sandbox.whatsapp_network.signal_session import Bundle, SendingSession

# Whoever the salon writes to: only the companions hear of it.
CLIENT: Final = Jid("79990009999")
_TEXT: Final = "Ждём вас!"


class Sign(StrEnum):
    """`READ`: a chat is read on the phone. `WROTE`: a message is written on it."""

    READ = "read"
    WROTE = "wrote"


async def give_sign(network: Network, account: Account, sign: Sign, device: int | None) -> int:
    """Tell one device, or all, that are online; return how many. Raise `NetworkError`."""
    if device is not None and device not in account.companions:
        raise NetworkError(Code.DEVICE_UNKNOWN, "Такого устройства нет")
    told = 0
    for companion in list(account.companions.values()):
        connection = network.online(account.number, companion.device)
        if connection is not None and device in (None, companion.device):
            with contextlib.suppress(ConnectionGoneError):
                await _tell(connection, account, companion, sign)
                told += 1
    network.journal.note("phone_sign", account.number, device, detail=sign)
    return told


async def _tell(connection: Connection, account: Account, companion: Companion, sign: Sign) -> None:
    if sign is Sign.READ:
        await connection.send(_read_receipt(account))
        return
    session = SendingSession(account, Bundle.take(companion))
    connection.network.changed()
    await connection.send(_own_message(account, session.encrypt(_sent().SerializeToString())))


def _read_receipt(account: Account) -> Node:
    return Node("receipt", {**_head(account), "type": "read-self"})


def _own_message(account: Account, encrypted: bytes) -> Node:
    head = {**_head(account), "type": "text"}
    return Node("message", head, [Node("enc", {"v": "2", "type": "pkmsg"}, encrypted)])


def _head(account: Account) -> dict[str, Attribute]:
    """A phone is device 0: its address has no device."""
    return {
        "id": f"3A{secrets.token_hex(9).upper()}",
        "t": str(int(time.time())),
        "from": account.jid(),
        "recipient": CLIENT,
    }


def _sent() -> Any:
    message = Message()
    message.deviceSentMessage.destinationJID = str(CLIENT)
    message.deviceSentMessage.message.conversation = _TEXT
    return message
