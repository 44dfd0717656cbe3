"""What survives a restart, and what a crash or a broken file does."""

import asyncio
from pathlib import Path

import pytest
import structlog
from pydantic_core import PydanticSerializationError

from sandbox.whatsapp_network import state_file
from sandbox.whatsapp_network.account import Companion, SignedPreKey, new_account
from sandbox.whatsapp_network.network import Network
from sandbox.whatsapp_network.service import LOOPBACK, Options, PortTakenError, run_service
from sandbox.whatsapp_network.state_file import State, StateFile, StateFileError, load, save
from tests.support.waiting import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / state_file.FILE_NAME


@pytest.fixture
def state() -> State:
    account = new_account("79990000001", "Салон")
    prekey = SignedPreKey(id=1, public=b"\x01" * 32, signature=b"\xff" * 64)
    account.companions[3] = Companion(
        device=3,
        name="Chrome",
        identity=bytes(range(32)),
        registration_id=7,
        signed_prekey=prekey,
        noise_static=b"\xfe" * 32,
        prekeys={5: b"\x02" * 32},
        first_sync_sent=True,
    )
    return State(chat_port=4000, accounts=[account])


def test_everything_comes_back(path: Path, state: State) -> None:
    save(path, state)
    loaded = load(path)
    assert loaded == state
    assert loaded.accounts[0].identity.public == state.accounts[0].identity.public


def test_network_gives_back_what_it_was_made_from(state: State) -> None:
    collected = Network(state).collect()
    assert collected.accounts == state.accounts
    assert collected.root_private == state.root_private


def test_no_file_means_a_new_network(path: Path) -> None:
    first, second = load(path), load(path)
    assert first.accounts == []
    assert first.root_private != second.root_private


@pytest.mark.parametrize("content", ["", "{", '{"version": 2}', '{"version": 1, "accounts": 3}'])
def test_broken_file_is_named_and_left_alone(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(StateFileError, match=state_file.FILE_NAME):
        load(path)
    assert path.read_text() == content


def test_failed_write_leaves_the_old_file_and_no_rubbish(path: Path, state: State) -> None:
    save(path, state)
    state.accounts[0].name = "\ud800"
    with pytest.raises(PydanticSerializationError):
        save(path, state)
    assert load(path).accounts[0].name == "Салон"
    assert [each.name for each in path.parent.iterdir()] == [state_file.FILE_NAME]


def test_file_is_for_its_owner_only(path: Path, state: State) -> None:
    save(path, state)
    assert path.stat().st_mode & 0o077 == 0


async def test_many_changes_make_few_writes(path: Path, state: State) -> None:
    collected = 0

    def collect() -> State:
        nonlocal collected
        collected += 1
        return state

    file = StateFile(path, collect)
    keeping = asyncio.create_task(file.keep())
    for _ in range(100):
        file.touch()
        await asyncio.sleep(0)
    await wait_until(path.exists)
    file.close()
    await keeping
    assert collected < 10


async def test_last_change_is_written_at_the_end(path: Path, state: State) -> None:
    file = StateFile(path, lambda: state)
    keeping = asyncio.create_task(file.keep())
    file.touch()
    file.close()
    await keeping
    assert load(path) == state


async def test_disk_that_refuses_does_not_end_the_keeper(tmp_path: Path, state: State) -> None:
    folder = tmp_path / "folder"
    folder.write_text("in the way")
    file = StateFile(folder / "state.json", lambda: state)
    keeping = asyncio.create_task(file.keep())
    with structlog.testing.capture_logs() as logs:
        file.touch()
        await wait_until(lambda: logs)
    assert logs[0]["event"] == "state_not_written"
    folder.unlink()
    file.touch()
    file.close()
    await keeping
    assert load(folder / "state.json") == state


async def test_service_comes_back_on_its_ports_with_its_key(tmp_path: Path) -> None:
    options = Options(data_dir=tmp_path)
    async with run_service(options) as first:
        first.network.ensure_account("79990000001", "Салон")
    async with run_service(options) as second:
        assert second.chat_port == first.chat_port
        assert second.control_port == first.control_port
        assert second.root_public_key == first.root_public_key
        assert second.network.account("79990000001").name == "Салон"


async def test_taken_port_of_the_last_run_is_given_up(tmp_path: Path) -> None:
    options = Options(data_dir=tmp_path)
    async with run_service(options) as first:
        pass
    blocker = await asyncio.start_server(lambda *_: None, LOOPBACK, first.chat_port)
    async with blocker, run_service(options) as second:
        assert second.chat_port != first.chat_port


async def test_taken_port_that_was_asked_for_is_an_error(tmp_path: Path) -> None:
    blocker = await asyncio.start_server(lambda *_: None, LOOPBACK, 0)
    port = blocker.sockets[0].getsockname()[1]
    async with blocker:
        with pytest.raises(PortTakenError, match=str(port)):
            async with run_service(Options(chat_port=port, data_dir=tmp_path)):
                pytest.fail("listens on a taken port")
