"""The executor in which the library's blocking calls run."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class DaemonThreads(ThreadPoolExecutor):
    """One daemon thread per call.

    Each connected client keeps one blocking call open for its whole life (neonize calls
    ``asyncio.to_thread``), so a pool of the default size hangs at the seventh client on two cores.
    A link attempt that ends without a link leaves its call open for ever; a daemon thread does not
    keep the process from exiting. Bounded by the number of sessions, not here.
    """

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        future: Future[R] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - a future carries whatever was raised
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name="go-call", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing to wait for: the threads are daemons."""
        del wait, cancel_futures


def use_daemon_threads(loop: Any) -> None:
    loop.set_default_executor(DaemonThreads())
