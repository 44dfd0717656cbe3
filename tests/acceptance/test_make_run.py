"""``make run`` as a developer sees it: links that work, data that stays, nothing left behind."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import psutil
import pytest

from sandbox.run.data_folder import outside_folder
from sandbox.services import valkey
from sandbox.services.ports import free_port
from tests.support.make_run import READY_S, Run
from tests.support.processes import ServiceProcess, Starter
from tests.support.waiting import block_until

pytestmark = pytest.mark.timeout(300)

PHONE = "79990000001"
STOP_S = 60.0
ANSWER_S = 30.0
CONNECTED_S = 60.0


@pytest.fixture
def closed_place() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="ai-admin-test-closed-"))
    yield place
    shutil.rmtree(place)


def family(process: ServiceProcess) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def runs(member: psutil.Process, module: str) -> bool:
    """False when it has just ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return module in member.cmdline()
    return False


def assert_nothing_is_left(members: list[psutil.Process], run: Run) -> None:
    _, alive = psutil.wait_procs(members, timeout=STOP_S)
    assert alive == []
    for port in run.ports.values():
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert str(run.folder) not in " ".join(_command_lines())


def _command_lines() -> Iterator[str]:
    for process in psutil.process_iter(["cmdline"]):
        yield " ".join(process.info["cmdline"] or [])


def get(url: str) -> httpx2.Response:
    return httpx2.get(url, timeout=ANSWER_S)


def link(run: Run) -> None:
    """Link the first demo salon as its owner would: press Connect, ask for a QR, scan it."""
    pressed = get(f"{run.url('PORTAL')}/connect/1001")
    entered = get(pressed.headers["location"])
    assert entered.status_code == 302, entered.text
    token = parse_qs(urlsplit(entered.headers["location"]).query)["token"][0]
    bearer = {"authorization": f"Bearer {token}"}

    def asked() -> bool:
        """Whoever is not answered in time on a busy machine asks again."""
        url = f"{run.url('API')}/marketplace/api/qr"
        return httpx2.post(url, headers=bearer, timeout=ANSWER_S).status_code == 200

    block_until(asked, what="a QR is given")
    # The camera has told the phone's side what the page shows: no QR is handed over here.
    screen = f"{run.url('PHONE')}/control/screen"
    block_until(lambda: bool(get(screen).json()["screens"]), what="a QR on the screen")
    scan = f"{run.url('PHONE')}/control/phones/{PHONE}/scan"
    scanned = httpx2.post(scan, json={}, timeout=ANSWER_S)
    assert scanned.status_code == 201, scanned.text


def salon_is(run: Run, status: str) -> Callable[[], bool]:
    def holds() -> bool:
        sessions = get(f"{run.url('WHATSAPP')}/health").json()["sessions"]
        return [session["status"] for session in sessions.values()] == [status]

    return holds


def active_in_yclients(run: Run) -> bool:
    salon = get(f"{run.url('PORTAL')}/control/salons/1001").json()
    return (salon["status"], salon["callbacks"]) == ("active", 1)


def test_links_answer_ctrl_c_leaves_nothing_and_a_linked_salon_is_back_by_itself(run: Run) -> None:
    first = run.ready()
    for name in ("PORTAL", "PHONE"):
        assert run.url(name) in first.log
        assert get(f"{run.url(name)}/").status_code == 200
    link(run)
    block_until(salon_is(run, "connected"), CONNECTED_S, "the salon is connected")
    # Nobody has the onboarding page open: the server does it.
    block_until(lambda: active_in_yclients(run), CONNECTED_S, "the salon is active in YClients")
    members = family(first)
    assert len(members) >= 6
    assert first.signal(signal.SIGINT).wait_exit(STOP_S) == 0
    assert_nothing_is_left(members, run)

    second = run.ready()
    block_until(salon_is(run, "connected"), CONNECTED_S, "the salon is connected again")
    assert active_in_yclients(run)
    assert second.terminate(STOP_S) == 0


def test_while_it_runs_what_dies_is_started_again_and_a_second_run_is_refused(run: Run) -> None:
    process = run.ready()
    assert f"already runs with the data in {run.folder} (pid {process.pid})" in run.refusal()
    api = next(child for child in family(process) if runs(child, "api_service"))
    api.kill()
    block_until(lambda: "api was ended by SIGKILL" in process.log)
    process.wait_healthy(f"{run.url('API')}/health")
    assert process.terminate(STOP_S) == 0


def test_nothing_outlives_a_run_that_is_killed_and_the_next_one_starts(run: Run) -> None:
    process = run.ready()
    members = family(process)
    process.kill()
    assert_nothing_is_left(members, run)
    assert run.ready().terminate(STOP_S) == 0


def test_ctrl_c_while_it_starts_leaves_nothing(run: Run) -> None:
    process = run.begin()
    block_until(lambda: len(family(process)) >= 3, READY_S, "half of it runs")
    members = family(process)
    assert process.signal(signal.SIGINT).wait_exit(STOP_S) == 0
    assert_nothing_is_left(members, run)


def test_a_taken_port_is_named_with_a_way_out(run: Run) -> None:
    with socket.create_server(("127.0.0.1", run.ports["API_PORT"])):
        said = run.refusal()
    assert f"Port {run.ports['API_PORT']} is taken by " in said
    assert "API_PORT=" in said


def test_damaged_data_is_named_with_a_way_out(run: Run) -> None:
    run.folder.mkdir()
    valkey.start(valkey.ValkeySetup(run.folder / "valkey", free_port())).stop()
    (run.folder / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense")
    said = run.refusal()
    assert "Valkey ended with exit code 1" in said
    assert "make reset-data" in said


def test_a_data_folder_that_is_a_file_is_named_with_a_way_out(run: Run) -> None:
    run.folder.write_text("")
    assert "var is not a folder. Move it away." in run.refusal()


@pytest.mark.parametrize("variable", ["DATABASE_URL", "REDIS_URL"])
def test_a_server_of_ones_own_that_is_away_is_named(run: Run, variable: str) -> None:
    scheme = "postgresql" if variable == "DATABASE_URL" else "redis"
    said = run.refusal(**{variable: f"{scheme}://user:hidden@127.0.0.1:9/0"})
    assert f"{variable} cannot be used" in said
    assert "hidden" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="another account needs root")
def test_below_a_closed_folder_it_says_where_the_data_is_and_resets_it_too(
    closed_place: Path, start_process: Starter
) -> None:
    run = Run(closed_place / "var", start_process)
    process = run.begin()
    block_until(lambda: "its data is in" in process.log, READY_S)
    assert process.terminate(STOP_S) == 0
    assert stat.S_IMODE(closed_place.stat().st_mode) == 0o700
    assert outside_folder(run.folder).is_dir()
    reset = start_process("sandbox.run.reset", {"AIADMIN_DATA_DIR": str(run.folder)})
    assert reset.wait_exit() == 0
    assert not outside_folder(run.folder).exists()
    assert not run.folder.exists()


def test_servers_of_ones_own_are_used(run: Run, empty_database_url: str, redis_url: str) -> None:
    process = run.begin(DATABASE_URL=empty_database_url, REDIS_URL=redis_url)
    block_until(lambda: "is ready" in process.log, READY_S)
    assert not (run.folder / "postgres").exists()
    assert not (run.folder / "valkey").exists()
    assert process.terminate(STOP_S) == 0
