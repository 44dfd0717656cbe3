"""npm's socket.io-client, which existing pages use, gets the documented events."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from api_service.frontend.build import FRONTEND, FrontendBuildError, Node, build, find_node
from shared.company_id import SalonId, session_id_of
from shared.messages.commands import Command
from tests.support.api import RunningApi, token_for
from tests.support.whatsapp_side import WhatsAppSide

SALON = SalonId(1001)
SESSION = session_id_of(SALON)
PHONE = "79990000001"
CLIENT = Path(__file__).with_name("socket_io_client.mjs")

pytestmark = [pytest.mark.node, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def node() -> Node:
    """Node.js, with the page's packages installed beside the page."""
    try:
        # As the browser's tests do: an install of more packages would begin with none.
        build(development=True)
        return find_node()
    except FrontendBuildError as error:
        reason = f"NO TEST WITH THE npm CLIENT: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


async def run_client(node: Node, url: str, token: str) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        *node.node,
        "--input-type=module",
        "-",
        url,
        token,
        cwd=FRONTEND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(CLIENT.read_bytes()), 90)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


async def test_the_documented_events_come(
    api: RunningApi, whatsapp: WhatsAppSide, node: Node
) -> None:
    async def react(command: Command) -> None:
        await whatsapp.qr(command.company_id, "qr-text")
        await whatsapp.code(command)
        await whatsapp.connected(command.company_id, PHONE)

    whatsapp.reaction = react
    told = await run_client(node, api.url, token_for(SALON))

    payloads = {line["event"]: line["payload"] for line in told}
    assert [line["event"] for line in told] == [
        "connect",
        "status",
        "qr-update",
        "pairing-code",
        "whatsapp-connected",
        "disconnect",
    ]
    assert payloads["status"]["status"] == "idle"
    assert payloads["qr-update"]["qr"] == "qr-text"
    assert 0 < payloads["qr-update"]["expiresIn"] <= 20
    code = payloads["pairing-code"]
    assert (code["code"], code["phoneNumber"]) == ("ABCD-1234", PHONE)
    assert 0 < code["expiresIn"] <= 50
    connected = payloads["whatsapp-connected"]
    assert (connected["success"], connected["phone"]) == (True, PHONE)
    assert connected["sessionId"] == SESSION


async def test_a_refused_client_gets_the_error_and_stays_away(api: RunningApi, node: Node) -> None:
    told = await run_client(node, api.url, "no-token")

    assert [line["event"] for line in told] == ["connect", "error", "disconnect"]
    assert told[1]["payload"]["code"] == "TOKEN_INVALID"
    assert told[2]["payload"] == "io server disconnect"
