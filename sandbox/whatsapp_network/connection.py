"""One client's websocket: handshake, then stanzas both ways under the agreed keys."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

import structlog
from google.protobuf.message import DecodeError
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from sandbox.whatsapp_network import login, silence, stanzas
from sandbox.whatsapp_network.account import Account, Companion
from sandbox.whatsapp_network.binary_xml import BinaryXmlError, decode, encode
from sandbox.whatsapp_network.faults import FaultKind
from sandbox.whatsapp_network.frames import HEADER, FrameBuffer, FrameError, pack
from sandbox.whatsapp_network.jid import SERVER
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.node import Attribute, Node
from sandbox.whatsapp_network.noise import Channel, NoiseError, Responder
from sandbox.whatsapp_network.offers import Offer
from sandbox.whatsapp_network.protobufs import ClientPayload

log = structlog.get_logger()


class ConnectionGoneError(Exception):
    """The client went away before it answered."""


class Connection:
    """Lives as long as its socket.

    A login sets `account` and `companion`, a client that asks to be linked has an `offer`.
    """

    _ids = itertools.count(1)

    def __init__(self, network: Network, socket: ServerConnection) -> None:
        self.network = network
        self.account: Account | None = None
        self.companion: Companion | None = None
        self.offer: Offer | None = None
        self.closed = asyncio.Event()
        self._socket = socket
        self._channel: Channel | None = None
        self._sending = asyncio.Lock()
        self._replies: dict[str, asyncio.Future[Node]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False
        self._newest_fault = network.faults.newest_id
        self.vanished = False

    @property
    def client_static(self) -> bytes:
        """The client's Noise key, proven by the handshake."""
        return self._open_channel.client_static

    @property
    def number(self) -> str | None:
        return self.account.number if self.account else None

    @property
    def silenced_by(self) -> FaultKind | None:
        """What has darkened this line since it was opened, if anything."""
        device = self.companion.device if self.companion else None
        fault = self.network.faults.silence(self.number, device, self._newest_fault)
        return fault.kind if fault else None

    def logged_in(self) -> tuple[Account, Companion]:
        """Return who is logged in, for work that is only reached after a login."""
        if not self.account or not self.companion:
            raise RuntimeError("nobody is logged in on this connection")
        return self.account, self.companion

    async def run(self) -> None:
        """Serve the client until it goes away or breaks the protocol."""
        self.network.connections.add(self)
        try:
            await self._serve()
        except (ConnectionClosed, ConnectionGoneError):
            pass
        except (NoiseError, FrameError, BinaryXmlError, DecodeError, TimeoutError) as error:
            self.network.journal.note("broken_connection", self.number, detail=str(error))
            log.warning("broken_connection", reason=str(error))
        finally:
            await self._close()

    async def send(self, node: Node) -> None:
        """Raise `ConnectionGoneError` when the client is not there any more."""
        async with self._sending:
            await self.network.faults.released(self.number)
            if fault := self.network.faults.active(FaultKind.SLOW, self.number):
                await asyncio.sleep(fault.delay_s)
            if silence.unsaid(self, node):
                return
            await self._send_frame(self._open_channel.seal(encode(node)))

    async def request(self, content: Node, **attrs: str) -> Node:
        """Ask the client something and return its answer, a result or an error.

        Raise `TimeoutError` when none comes in time, `ConnectionGoneError` when none can.
        """
        iq_id = self.next_id()
        reply: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
        self._replies[iq_id] = reply
        head: dict[str, Attribute] = {
            "from": SERVER,
            "type": "set",
            "id": iq_id,
            "xmlns": "md",
            **attrs,
        }
        try:
            async with asyncio.timeout(self.network.settings.request_deadline_s):
                await self.send(Node("iq", head, [content]))
                return await reply
        finally:
            self._replies.pop(iq_id, None)

    def resolve(self, iq_id: str, reply: Node) -> bool:
        """Give a waiting `request` its answer; false when none waits for it."""
        waiting = self._replies.get(iq_id)
        if waiting is None or waiting.done():
            return False
        waiting.set_result(reply)
        return True

    async def end(self, last: Node | None = None) -> None:
        """Say why, if there is a reason, and close when the client does not; hear nothing more."""
        self._ending = True
        try:
            if last is not None:
                await self.send(last)
        except ConnectionGoneError:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.network.settings.close_delay_s):
                await self._socket.wait_closed()
        await self._socket.close()

    async def end_stream_error(self, children: Sequence[Node] = (), **attrs: str) -> None:
        await self.end(Node("stream:error", attrs, list(children)))

    def abort(self) -> None:
        """Reset the TCP connection, as a broken network does."""
        self._ending = True
        self._socket.transport.abort()

    def vanish(self) -> None:
        """Leave the client an open socket with nobody at the other end: nothing more is read."""
        account, companion = self.logged_in()
        self.vanished = True
        self._socket.transport.pause_reading()
        login.leave(self, account, companion)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run work that ends with this connection at the latest."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def next_id(self) -> str:
        return f"{int(time.time())}-{next(self._ids)}"

    @property
    def _open_channel(self) -> Channel:
        if self._channel is None:
            raise RuntimeError("the handshake is not over")
        return self._channel

    async def _serve(self) -> None:
        frames = self._frames()
        async with asyncio.timeout(self.network.settings.handshake_deadline_s):
            payload = await self._shake_hands(frames)
        await asyncio.sleep(self.network.settings.first_stanza_delay_s)
        await login.begin(self, ClientPayload.FromString(payload))
        async for frame in frames:
            await self._receive(decode(self._open_channel.open(frame)))

    async def _frames(self) -> AsyncIterator[bytes]:
        buffer = FrameBuffer()
        async for message in self._socket:
            if isinstance(message, str):
                raise FrameError("a text message on a binary stream")
            for frame in buffer.feed(message):
                yield frame

    async def _shake_hands(self, frames: AsyncIterator[bytes]) -> bytes:
        responder = Responder(self.network.authority, HEADER)
        try:
            await self._send_frame(responder.answer(await anext(frames)))
            self._channel, payload = responder.finish(await anext(frames))
        except StopAsyncIteration as error:
            raise FrameError("gone within the handshake") from error
        self.network.journal.note("handshake")
        return payload

    async def _send_frame(self, payload: bytes) -> None:
        try:
            await self._socket.send(pack(payload))
        except ConnectionClosed as error:
            raise ConnectionGoneError from error

    async def _receive(self, node: Node) -> None:
        muted = self.network.faults.active(FaultKind.MUTE, self.number)
        if not self._ending and not muted and not silence.unheard(self, node):
            await stanzas.handle(self, node)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or not (error := task.exception()):
            return
        if not isinstance(error, ConnectionGoneError | TimeoutError):
            log.error("connection_task_failed", task=task.get_name(), exc_info=error)

    async def _close(self) -> None:
        if self.offer:
            self.network.offers.close(self.offer)
        if self.account and self.companion and not self.vanished:
            login.leave(self, self.account, self.companion)
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(ConnectionGoneError())
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._socket.close()
        self.network.connections.discard(self)
        self.closed.set()
