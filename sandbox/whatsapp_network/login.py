"""What follows the handshake: a device logs in, or a new client offers itself to be linked."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from sandbox.whatsapp_network.account import Account, Companion, now_ms
from sandbox.whatsapp_network.errors import NetworkError
from sandbox.whatsapp_network.faults import AT_LOGIN, Fault, FaultKind
from sandbox.whatsapp_network.jid import SERVER
from sandbox.whatsapp_network.node import Attribute, Node
from sandbox.whatsapp_network.offers import Offer
from sandbox.whatsapp_network.qr_windows import QrWindows
from sandbox.whatsapp_network.registration import RegistrationError, read_registration

if TYPE_CHECKING:
    from sandbox.whatsapp_network.connection import Connection

# whatsmeow's name for 101: too many messages to people who do not have the number.
BAN_CODE = "101"


async def begin(connection: "Connection", payload: Any) -> None:
    """Answer a client's first payload."""
    pairing = payload.HasField("devicePairingData")
    number = None if pairing else str(payload.username)
    if fault := connection.network.faults.take(AT_LOGIN, number):
        await _apply(connection, fault, number)
    elif pairing:
        await _offer(connection, payload.devicePairingData)
    else:
        await _log_in(connection, str(payload.username), payload.device)


def leave(connection: "Connection", account: Account, companion: Companion) -> None:
    """Take a logged-in device off the network."""
    network = connection.network
    network.set_offline(account.number, companion.device, connection)
    companion.last_seen_ms = now_ms()
    network.journal.note("left", account.number, companion.device)
    network.changed()


async def _apply(connection: "Connection", fault: Fault, number: str | None) -> None:
    if fault.kind is FaultKind.DROPPED:
        connection.network.journal.note("dropped", number)
        connection.abort()
    elif fault.kind is FaultKind.BANNED:
        expire = str(fault.expire_s)
        await _refuse(connection, number, reason="402", code=BAN_CODE, expire=expire)
    else:
        outdated = fault.kind is FaultKind.OUTDATED
        await _refuse(connection, number, reason="405" if outdated else str(fault.reason))


async def _refuse(connection: "Connection", number: str | None, **attrs: str) -> None:
    connection.network.journal.note("refused", number, detail=attrs["reason"])
    await connection.end(Node("failure", {"location": "lla", **attrs}))


async def _log_in(connection: "Connection", number: str, device: int) -> None:
    try:
        account = connection.network.account(number)
        companion = connection.network.companion(number, device)
    except NetworkError:
        await _refuse(connection, number, reason="401")
        return
    if companion.noise_static != connection.client_static:
        await _refuse(connection, number, reason="401")
        return
    connection.account, connection.companion = account, companion
    _take_place(connection, account, companion)
    await _welcome(connection, account, companion)


def _take_place(connection: "Connection", account: Account, companion: Companion) -> None:
    network = connection.network
    previous = network.set_online(account.number, companion.device, connection)
    if previous is not None:
        network.journal.note_replaced(account.number, companion.device)
        previous.spawn(
            previous.end_stream_error([Node("conflict", {"type": "replaced"})]), "replaced"
        )
    companion.last_seen_ms = now_ms()
    network.journal.note_login(account.number, companion.device)
    network.changed()


async def _welcome(connection: "Connection", account: Account, companion: Companion) -> None:
    success: dict[str, Attribute] = {
        "t": str(int(time.time())),
        "props": "27",
        "lid": account.lid_jid(companion.device),
        "display_name": account.name,
    }
    await connection.send(Node("success", success))
    # Clients hold events back until they hear how many waited for them.
    await connection.send(Node("ib", {"from": SERVER}, [Node("offline", {"count": "0"})]))
    if fault := connection.network.faults.active(FaultKind.FLAPPING, account.number):
        connection.spawn(_cut_after(connection, fault.delay_s), "flapping")


async def _cut_after(connection: "Connection", delay_s: float) -> None:
    await asyncio.sleep(delay_s)
    connection.abort()


async def _offer(connection: "Connection", registration_data: Any) -> None:
    network = connection.network
    try:
        registration = read_registration(registration_data)
    except RegistrationError as error:
        network.journal.note("broken_registration", detail=str(error))
        await _refuse(connection, None, reason="400")
        return
    windows = QrWindows.open(network.settings, network.clock_s())
    offer = connection.offer = network.offers.open(connection, registration, windows)
    connection.spawn(_offer_refs(connection, offer), "qr-refs")


async def _offer_refs(connection: "Connection", offer: Offer) -> None:
    """Show the refs; end the stream when the last one has run out."""
    # A ref holds an @ and is no address: it travels as bytes.
    refs = [Node("ref", content=ref.encode()) for ref in offer.refs]
    await connection.request(Node("pair-device", content=refs))
    await asyncio.sleep(offer.windows.last_end_s - connection.network.clock_s())
    connection.network.offers.close(offer)
    connection.network.journal.note("qr_run_out")
    await connection.end(Node("xmlstreamend"))
