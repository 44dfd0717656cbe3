"""The protobufs need no Go library, and live beside the real neonize in either order."""

import subprocess
import sys

import pytest

OURS = "from sandbox.whatsapp_network.protobufs import Message"
REAL = "from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message as Real"
ALONE = "import sys; assert 'neonize' not in sys.modules"
EXCHANGE = "assert Real.FromString(Message(conversation='x').SerializeToString()).conversation"


@pytest.mark.parametrize(
    "lines",
    [(OURS, ALONE), (OURS, REAL, EXCHANGE), (REAL, OURS, EXCHANGE)],
    ids=["alone", "first", "second"],
)
def test_imports(lines: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", "\n".join(lines)]
    ran = subprocess.run(  # noqa: S603 - our own command line
        command, capture_output=True, check=False, text=True
    )
    assert ran.returncode == 0, ran.stderr
