"""What Postgres is to know of a session, when it is away at that moment."""

import pytest

from shared.messages.status import Reason
from tests.support.scripted_lines import ScriptedGateway, connect
from tests.support.session_stage import JID, Stage
from tests.support.waiting import wait_until
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.gateway.events import Banned, GatewayEvent, LoggedOut, Replaced
from whatsapp_service.sessions import record

BAN_S = 7_200
NEW_JID = "79990000002:1@s.whatsapp.net"


async def ends_without_postgres(
    stage: Stage, gateway: ScriptedGateway, event: GatewayEvent
) -> None:
    client = await connect(stage, gateway)
    stage.rows.away = True
    client.deliver(event)
    await wait_until(lambda: stage.session.timers.remaining_s("record") is not None)
    assert not stage.session.retirable


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Banned(expires_in_s=BAN_S), Reason.TEMPORARY_BAN),
        (Replaced(), Reason.REPLACED),
        (LoggedOut(on_connect=False), Reason.DEVICE_REMOVED),
    ],
)
async def test_an_end_is_written_down_as_soon_as_postgres_is_back(
    scripted: Stage,
    gateway: ScriptedGateway,
    monkeypatch: pytest.MonkeyPatch,
    event: GatewayEvent,
    reason: Reason,
) -> None:
    monkeypatch.setattr(record, "AGAIN_S", 0.02)
    await ends_without_postgres(scripted, gateway, event)

    scripted.rows.away = False

    await wait_until(lambda: scripted.rows.ended == [reason])
    if reason is Reason.TEMPORARY_BAN:
        assert BAN_S - 60 < (scripted.rows.retry_in_s or 0) < BAN_S
    await wait_until(lambda: scripted.session.timers.remaining_s("record") is None)


async def test_who_leaves_says_first_what_is_not_written_yet(
    scripted: Stage, gateway: ScriptedGateway
) -> None:
    """Whoever has the session next would connect a device that was replaced."""
    await ends_without_postgres(scripted, gateway, Replaced())
    scripted.rows.away = False

    await scripted.session.stop()

    assert scripted.rows.ended == [Reason.REPLACED]


async def test_a_new_link_takes_the_place_of_an_end_that_is_not_written_yet(
    scripted: Stage, gateway: ScriptedGateway
) -> None:
    await ends_without_postgres(scripted, gateway, LoggedOut(on_connect=False))
    scripted.rows.away = False

    await scripted.session.record.linked(DeviceJid.parse(NEW_JID))
    await scripted.session.record.catch_up()

    assert (scripted.rows.ended, scripted.rows.jid) == ([], NEW_JID)
    assert scripted.rows.jid != JID
