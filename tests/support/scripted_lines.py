"""Connections of a session on the stage, whose answers a test decides."""

import asyncio
from collections.abc import Callable
from typing import Final

from shared.company_id import SessionId
from tests.support.session_stage import JID, Stage
from tests.support.waiting import wait_until
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.events import GatewayEvent, Opened
from whatsapp_service.gateway.linked_client import Deliver, Gateway, LineReport, LinkedClient
from whatsapp_service.proxy_url import ProxyUrl

ANSWERED: Final = LineReport(answered=True)
SILENT: Final = LineReport(answered=False)
NOT_CONNECTED: Final = LineReport(answered=False, connected=False, logged_in=False)


class Held:
    """An answer that comes when it is let."""

    def __init__(self, report: LineReport) -> None:
        self.report = report
        self.let = asyncio.Event()


class ScriptedClient(LinkedClient):
    """``answers`` are given one after the other, the last one for ever; None never comes."""

    def __init__(self, deliver: Deliver) -> None:
        self.deliver: Callable[[GatewayEvent], None] = deliver
        self.route = None
        self.answers: list[LineReport | Held | Exception | None] = [ANSWERED]
        self.asked = 0
        self.closed = False

    async def open(self) -> None:
        self.deliver(Opened())

    async def prove_line(self, answer_s: float) -> LineReport:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Held):
            await answer.let.wait()
            return answer.report
        assert answer is not None
        await asyncio.sleep(0 if answer.answered else answer_s)
        return answer

    async def close(self) -> None:
        self.closed = True


class ScriptedGateway(Gateway):
    """Opens connections that are logged in at once."""

    def __init__(self) -> None:
        self.store_url = "postgres://store"
        self.left_behind = 0
        self.clients: list[ScriptedClient] = []

    def client_for(
        self,
        _session_id: SessionId,
        _device: DeviceJid,
        _route: ProxyUrl | None,
        deliver: Deliver,
    ) -> LinkedClient:
        self.clients.append(ScriptedClient(deliver))
        return self.clients[-1]


async def connect(stage: Stage, gateway: ScriptedGateway) -> ScriptedClient:
    """The salon of the stage is linked and open."""
    stage.rows.jid, stage.rows.credentials_there = JID, True
    stage.session.recall()
    await wait_until(lambda: stage.session.connected)
    return gateway.clients[-1]
