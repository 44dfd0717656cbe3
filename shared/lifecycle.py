"""How a process lives: start, run until it is told to stop, stop within a deadline."""

import asyncio
import contextlib
import os
import resource
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final, TypeVar

import structlog

from shared.observability import capture

_log = structlog.get_logger(__name__)

T = TypeVar("T")


def new_process_id() -> str:
    """Names one life of one process: host, pid and a random part, since pids come again."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def allow_many_descriptors() -> None:
    """Raise the soft limit to the hard one: a page and a session hold descriptors each.

    The soft one is 1,024 on most machines, for programs that still use ``select``.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS: its hard limit may not be asked for
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def descriptor_limit() -> int | None:
    """How many descriptors this process may have open; None when there is no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def stop_on_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    return stop


def raise_if_cancelled() -> None:
    """Raise a cancellation that was swallowed below us; call it once a round in an endless loop.

    redis-py awaits ``asyncio.wait_for``, which before Python 3.12 drops a cancellation that comes
    in the instant in which the awaited thing is done.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


_shielded: Final[set[asyncio.Task[Any]]] = set()


async def shielded(work: Coroutine[Any, Any, T], name: str) -> T:
    """What ``work`` returns. It goes on to its end when the caller is cancelled meanwhile.

    For what must not be left half done, and has a deadline of its own.
    """
    task = asyncio.create_task(work, name=name)
    _shielded.add(task)
    task.add_done_callback(_shielded.discard)
    return await asyncio.shield(task)


class BackgroundTasks:
    """Named tasks that live as long as the process; one that dies takes the process down."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self.failed = asyncio.Event()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        _log.error("background_task_ended", task=task.get_name(), exc_info=error)
        if error is not None:
            capture(error, operation=task.get_name())
        self.failed.set()

    async def stop(self) -> None:
        """Cancel all and wait for their end; once, also when the wait is cut short."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.remove_done_callback(self._ended)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def background_tasks() -> AsyncIterator[BackgroundTasks]:
    tasks = BackgroundTasks()
    try:
        yield tasks
    finally:
        await tasks.stop()
