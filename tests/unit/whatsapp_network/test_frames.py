import pytest

from sandbox.whatsapp_network.frames import HEADER, FrameBuffer, FrameError, pack


def test_frames_come_out_whole_however_the_bytes_arrive() -> None:
    stream = HEADER + pack(b"first") + pack(b"") + pack(b"x" * 70_000)
    for size in (1, 2, 3, 7, len(stream)):
        buffer = FrameBuffer()
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        frames = [frame for piece in pieces for frame in buffer.feed(piece)]
        assert frames == [b"first", b"", b"x" * 70_000]


@pytest.mark.parametrize("start", [b"WA\x06\x02", b"GET ", b"\x00\x00\x05hello"])
def test_foreign_stream_is_refused(start: bytes) -> None:
    with pytest.raises(FrameError):
        FrameBuffer().feed(start)


def test_frame_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="16 MiB"):
        pack(bytes(1 << 24))
