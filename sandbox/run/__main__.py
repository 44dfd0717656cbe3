"""``python -m sandbox.run``: what ``make run`` starts when everything is installed."""

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator
from typing import Final

import structlog

from sandbox.run import camera
from sandbox.run.data_folder import DataFolder, open_data_folder
from sandbox.run.settings import RunSettings
from sandbox.run.supervisor import Supervisor
from sandbox.run.terminal import Terminal
from sandbox.run.town import Town
from sandbox.services.errors import SandboxError

CAMERA_TIMEOUT_S: Final = 10.0


def main() -> int:
    terminal = Terminal(sys.stdout)
    # What the programs say is enough: each of them tells of a server that is away.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        settings = RunSettings.from_environment()
        with open_data_folder(settings.aiadmin_data_dir) as data:
            settings.check_ports()
            asyncio.run(_run(settings, data, terminal))
    except (SandboxError, OSError) as error:
        sys.stderr.write(f"ai-admin: {_in_one_line(error)}\n")
        return 1
    terminal.say("Everything has stopped.")
    return 0


async def _run(settings: RunSettings, data: DataFolder, terminal: Terminal) -> None:
    started = time.monotonic()
    stop = asyncio.Event()
    async with _supervisor(terminal, stop) as supervisor:
        town = Town(settings, data, supervisor, terminal)
        starting = asyncio.create_task(town.start(), name="starting")
        if not await _finished_before(stop, starting):
            return
        sees = asyncio.Event()
        watching = asyncio.create_task(camera.watch(starting.result(), settings.phone_url, sees))
        # Whoever is told that all is ready may press «Подключить» at once.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(sees.wait(), CAMERA_TIMEOUT_S)
        _invite(settings, data, terminal, time.monotonic() - started)
        if await _finished_before(stop, watching):
            watching.result()


@contextlib.asynccontextmanager
async def _supervisor(terminal: Terminal, stop: asyncio.Event) -> AsyncIterator[Supervisor]:
    """A supervisor whose children are gone at the end; a second signal does not wait for them."""
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        supervisor = Supervisor(group, terminal)
        _on_signals(terminal, stop, supervisor)
        try:
            yield supervisor
        except (SandboxError, OSError) as error:
            failure = error  # raised bare, after the group, which would wrap it
        finally:
            await supervisor.stop()
    if failure is not None:
        raise failure


def _on_signals(terminal: Terminal, stop: asyncio.Event, supervisor: Supervisor) -> None:
    def asked() -> None:
        if stop.is_set():
            supervisor.kill()
        else:
            terminal.say("\nStopping … (again: at once)")
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, asked)


async def _finished_before(
    stop: asyncio.Event, work: asyncio.Task[str] | asyncio.Task[None]
) -> bool:
    """Wait for `work` or `stop`. True when `work` was first; else it is cancelled."""
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({stopping, work}, return_when=asyncio.FIRST_COMPLETED)
        return work.done()
    finally:
        stopping.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait({work})


def _invite(settings: RunSettings, data: DataFolder, terminal: Terminal, elapsed_s: float) -> None:
    terminal.say(f"""
  AI Admin is ready after {elapsed_s:.1f} s.

    The salon owner's page   {settings.portal_url}/
    The salon's phone        {settings.phone_url}/

  Press «Подключить» on the first, scan or type the code on the second.
  Data: {data.path} (`make reset-data` starts over). Ctrl-C stops everything.
""")


def _in_one_line(error: SandboxError | OSError) -> str:
    if isinstance(error, SandboxError):
        return " ".join(str(error).split())
    return f"{error.filename or 'this machine'}: {error.strerror}. Free it or start over."


if __name__ == "__main__":
    sys.exit(main())
