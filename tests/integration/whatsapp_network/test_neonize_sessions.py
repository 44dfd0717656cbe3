"""The session of a linked neonize: what ends it, what it survives."""

from pathlib import Path

import pytest

from sandbox.whatsapp_network.faults import FaultKind
from tests.support.client_process import ClientProcess
from tests.support.neonize_process import run_neonize
from tests.support.waiting import wait_until
from tests.support.whatsapp_network import WhatsAppNetwork


async def test_reconnects_after_the_connection_was_dropped(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess
) -> None:
    control = whatsapp_network.control
    assert await control.drop(number) == 1
    await linked.next("Disconnected")
    await linked.next("Connected")
    stats = await control.stats()
    assert (stats.logins, stats.replaced) == (2, 0)


async def test_unlinked_on_the_phone(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess
) -> None:
    control = whatsapp_network.control
    await control.unlink(number, 1)
    await linked.next("LoggedOut")
    assert (await control.phone(number)).devices == []
    assert (await control.stats()).linked_devices == 0


async def test_device_unlinked_while_away_is_refused(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess, tmp_path: Path
) -> None:
    control = whatsapp_network.control
    await linked.end()
    await control.unlink(number, 1)
    async with run_neonize(whatsapp_network.environment, tmp_path / "store.db") as again:
        assert "LOGGED_OUT" in (await again.next("LoggedOut"))["text"]
    assert (await control.stats()).refused == 1


async def test_client_that_logs_out_is_unlinked(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess
) -> None:
    control = whatsapp_network.control
    await linked.command(logout=True)

    async def unlinked() -> bool:
        return not (await control.phone(number)).devices

    await wait_until(unlinked)


async def test_replaced_by_a_second_login_of_the_same_device(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess, tmp_path: Path
) -> None:
    async with run_neonize(whatsapp_network.environment, tmp_path / "store.db") as second:
        await second.next("Connected")
        await linked.next("StreamReplaced")
        stats = await whatsapp_network.control.stats()
    assert stats.replaced == 1
    assert stats.logins_by_device == {f"{number}:1": 2}


async def test_replaced_on_demand(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess
) -> None:
    await whatsapp_network.control.replace(number, 1)
    await linked.next("StreamReplaced")


async def test_banned(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess
) -> None:
    control = whatsapp_network.control
    await control.add_fault(FaultKind.BANNED, number=number, expire_s=3600)
    await control.drop(number)
    ban = await linked.next("TemporaryBan")
    assert "3600" in ban["text"]


async def test_outdated(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess
) -> None:
    control = whatsapp_network.control
    await control.add_fault(FaultKind.OUTDATED)
    await control.drop(number)
    await linked.next("ClientOutdated")


async def test_new_client_that_is_outdated_gets_no_qr(
    whatsapp_network: WhatsAppNetwork, tmp_path: Path
) -> None:
    await whatsapp_network.control.add_fault(FaultKind.OUTDATED)
    async with run_neonize(whatsapp_network.environment, tmp_path / "new.db") as neonize:
        assert (await neonize.next("status"))["text"] == "err-client-outdated"
        assert "qr" not in neonize.kinds()


@pytest.mark.parametrize("reason", [401, 403, 406])
async def test_refused_for_good(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess, reason: int
) -> None:
    control = whatsapp_network.control
    await control.add_fault(FaultKind.REFUSED, number=number, reason=reason, times=1)
    await control.drop(number)
    await linked.next("LoggedOut")
    assert (await control.faults()) == []


async def test_refused_by_a_conflict(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess
) -> None:
    control = whatsapp_network.control
    await control.add_fault(FaultKind.REFUSED, number=number, reason=409, times=1)
    await control.drop(number)
    await linked.next("ConnectFailure")


@pytest.mark.parametrize("reason", [500, 503])
async def test_refused_for_a_moment(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess, reason: int
) -> None:
    control = whatsapp_network.control
    await control.add_fault(FaultKind.REFUSED, number=number, reason=reason, times=1)
    await control.drop(number)
    await linked.next("Disconnected")
    await linked.next("Connected")
    assert (await control.stats()).refused == 1


async def test_dropped_at_login(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess
) -> None:
    control = whatsapp_network.control
    await control.add_fault(FaultKind.DROPPED, number=number, times=1)
    await control.drop(number)
    await linked.next("Connected")
    assert (await control.stats()).handshakes == 4


async def test_unreachable_for_a_while(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess
) -> None:
    control = whatsapp_network.control
    fault = await control.add_fault(FaultKind.UNREACHABLE)
    await control.drop(number)
    await linked.next("Disconnected")
    assert (await control.stats()).online_devices == 0
    await control.remove_fault(fault.id)
    await linked.next("Connected")


async def test_slow_network_still_connects(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess
) -> None:
    control = whatsapp_network.control
    await control.add_fault(FaultKind.SLOW, number=number, delay_s=0.2)
    await control.drop(number)
    await linked.next("Connected")


async def test_linked_client_connects_again_after_everything_was_restarted(
    whatsapp_network: WhatsAppNetwork, number: str, linked: ClientProcess, tmp_path: Path
) -> None:
    await linked.stop()
    port = whatsapp_network.chat_port
    await whatsapp_network.stop()
    await whatsapp_network.start()
    assert whatsapp_network.chat_port == port

    async with run_neonize(whatsapp_network.environment, tmp_path / "store.db") as again:
        await again.next("Connected")
        assert "qr" not in again.kinds()
    assert (await whatsapp_network.control.stats()).logins_by_device == {f"{number}:1": 1}


async def test_running_client_comes_back_after_the_network_was_restarted(
    whatsapp_network: WhatsAppNetwork, linked: ClientProcess
) -> None:
    await whatsapp_network.stop()
    await linked.next("Disconnected")
    await whatsapp_network.start()
    await linked.next("Connected")
