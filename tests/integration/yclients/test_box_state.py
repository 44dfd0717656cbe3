"""What the YClients in the box keeps over a restart."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from sandbox.yclients.control_client import YclientsControl
from sandbox.yclients.salon.records import SALON_TIME
from tests.support.yclients import yclients_process


def test_connections_survive_a_restart(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "state.json"))
    with yclients_process("http://127.0.0.1:9", tmp_path / "log", *state) as url:
        record_id = asyncio.run(_connect_and_book(url))
    with yclients_process("http://127.0.0.1:9", tmp_path / "log", *state) as url:
        assert asyncio.run(_statuses(url)) == ["pending", "uninstalled", "uninstalled"]
        assert asyncio.run(_records(url)) == [record_id]
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_a_state_that_is_none_is_said_and_left_behind(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text('{"connections": 5}')
    with yclients_process("http://127.0.0.1:9", tmp_path / "log", "--state", str(state)) as url:
        assert asyncio.run(_statuses(url)) == ["uninstalled"] * 3
    assert "state.json cannot be read" in (tmp_path / "log").read_text()


async def _connect_and_book(url: str) -> int:
    async with YclientsControl(url) as control:
        await control.connect(1001)
        stylist = (await control.catalogue(1001)).staff[0]
        tomorrow = datetime.now(SALON_TIME).replace(hour=12, minute=0) + timedelta(days=1)
        record = await control.book(1001, stylist.id, stylist.service_ids[:1], tomorrow)
        return record.id


async def _records(url: str) -> list[int]:
    async with YclientsControl(url) as control:
        return [record.id for record in await control.records(1001)]


async def _statuses(url: str) -> list[str]:
    async with YclientsControl(url) as control:
        return [salon.status.value for salon in await control.salons()]
