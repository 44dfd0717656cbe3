"""The WebSocket protocol under the Socket.IO engine."""

from typing import Final

import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_log = structlog.get_logger(__name__)

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Refuses an upgrade that the library cannot read: a line of more than 8 kB, as a rule.

    uvicorn would say nothing and hold the connection for as long as the client stays.
    """

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.transport.is_closing():
            _log.info("socket_transport_refused")
            self.transport.write(_TOO_LARGE)
            self.transport.close()
