"""Cut the byte stream of a websocket into WhatsApp's frames."""

from typing import Final

HEADER: Final = b"WA\x06\x03"
LENGTH_BYTES: Final = 3
FRAME_MAX_BYTES: Final = 1 << 24


class FrameError(ValueError):
    """The stream does not start as WhatsApp's does."""


class FrameBuffer:
    """Takes websocket messages of any size and gives whole frames.

    The stream starts with a 4-byte header that names the dictionary version; a frame is a 3-byte
    big-endian length and that many bytes.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames completed by this piece; raise `FrameError` on a foreign header."""
        self._buffer += data
        if not self._begun and not self._begin():
            return []
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _begin(self) -> bool:
        if len(self._buffer) < len(HEADER):
            return False
        if self._buffer[: len(HEADER)] != HEADER:
            raise FrameError("not a WhatsApp stream of dictionary version 3")
        del self._buffer[: len(HEADER)]
        self._begun = True
        return True

    def _next(self) -> bytes | None:
        end = LENGTH_BYTES + int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
        if len(self._buffer) < max(end, LENGTH_BYTES):
            return None
        frame = bytes(self._buffer[LENGTH_BYTES:end])
        del self._buffer[:end]
        return frame


def pack(payload: bytes) -> bytes:
    """Put the length ahead of a payload."""
    if len(payload) >= FRAME_MAX_BYTES:
        raise ValueError("a frame holds less than 16 MiB")
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload
