"""Keeps a set of children running and ends them in order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from sandbox.run.child import Child, ChildSpec, describe_exit
from sandbox.run.terminal import Terminal
from sandbox.services.errors import SandboxError
from sandbox.services.server import last_complaint

POLL_INTERVAL_S: Final = 0.05

Probe = Callable[[Child], Awaitable[bool]]


class Supervisor:
    """Its children's tasks belong to `group`, which ends after `stop` has."""

    def __init__(self, group: asyncio.TaskGroup, terminal: Terminal) -> None:
        self._group = group
        self._terminal = terminal
        self._children: list[Child] = []

    @property
    def children(self) -> list[Child]:
        return list(self._children)

    async def start(self, spec: ChildSpec, is_ready: Probe, timeout_s: float) -> Child:
        """Start a child and return when `is_ready` says so; from then on it is kept running.

        Raises SandboxError when it ends before that, or is late.
        """
        child = Child(spec, self._terminal)
        self._children.append(child)
        self._group.create_task(child.keep_running(), name=spec.name)
        try:
            async with asyncio.timeout(timeout_s):
                while not await is_ready(child):
                    _check_alive(child)
                    await asyncio.sleep(POLL_INTERVAL_S)
                _check_alive(child)
        except TimeoutError:
            raise SandboxError(
                f"{spec.name} was not ready after {timeout_s:.0f} s.", _where_to_look(child)
            ) from None
        child.settled = True
        return child

    async def stop(self) -> None:
        """End all children, tier by tier from the top; each within its own deadline."""
        for tier in sorted({child.spec.tier for child in self._children}, reverse=True):
            members = [child for child in self._children if child.spec.tier == tier]
            await asyncio.gather(*(child.stop() for child in members))

    def kill(self) -> None:
        """End all children at once. `stop` still has to be awaited."""
        for child in self._children:
            child.kill()


def _check_alive(child: Child) -> None:
    if child.exit_code is None:
        return
    how = describe_exit(child.exit_code)
    if child.spec.log_path is not None:
        how = f"{how}: {last_complaint(child.spec.log_path)}"
    raise SandboxError(f"{child.spec.name} {how}.", _where_to_look(child))


def _where_to_look(child: Child) -> str:
    if child.spec.log_path is not None:
        return f"Its log is {child.spec.log_path}; `make reset-data` starts over without the data."
    return "What it said is above."
