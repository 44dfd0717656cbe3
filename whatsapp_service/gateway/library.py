"""Loads neonize once, with its side effects under control."""

import asyncio
import contextlib
import importlib
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from whatsapp_service.gateway.executor import use_daemon_threads
from whatsapp_service.gateway.library_log import quieten_library
from whatsapp_service.gateway.login_refusals import LogOfClients

WHATSAPP_URL: Final = b"wss://web.whatsapp.com/ws/chat"
ROOT_PUBLIC_KEY: Final = bytes.fromhex(
    "142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b"
)


SHELLS_END_S: Final = 2.0


_PROXIES: Final = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})


class LibraryRefusedError(RuntimeError):
    """The installed library is not what production may run."""


@dataclass(frozen=True, slots=True)
class Library:
    """The parts of neonize that the gateway uses."""

    client: Any
    list_devices: Callable[[str], str]
    events: Any
    jid: Any
    device_props: Any
    proxy_settings: Any
    log_of_clients: LogOfClients


def require_genuine_library() -> None:
    """Production runs the library as it was published, talking to WhatsApp and to nobody else.

    Raises LibraryRefusedError.
    """
    spec = find_spec("neonize")
    if spec is None or spec.origin is None:
        raise LibraryRefusedError("neonize is not installed")
    for shared_object in Path(spec.origin).parent.glob("*.so"):
        content = shared_object.read_bytes()
        if content.count(WHATSAPP_URL) == 1 and content.count(ROOT_PUBLIC_KEY) == 1:
            return
    raise LibraryRefusedError("neonize's library is not the published one: reinstall neonize")


def load_library() -> Library:
    """Import neonize into the running event loop's process.

    Call after logging is configured: neonize's ``logging.basicConfig`` then changes nothing. What
    the Go side prints to standard output (a pairing code may be among it) goes nowhere.
    """
    _forget_proxies_of_the_environment()
    _discard_standard_output()
    quieten_library()
    use_daemon_threads(asyncio.get_running_loop())
    importlib.import_module("pylibmagic")
    # It warns in every process that ffmpeg is missing; only media would need it.
    logging.getLogger("neonize.utils.ffmpeg").setLevel(logging.ERROR)
    client = importlib.import_module("neonize.aioze.client")
    binder = importlib.import_module("neonize._binder")
    log = client.func_callback_bytes2(client.log_whatsmeow)
    _wait_for_shells()
    return Library(
        client=client.NewAClient,
        list_devices=lambda url: binder.gocode.GetAllDevices(url.encode(), log).decode(),
        events=importlib.import_module("neonize.aioze.events"),
        jid=importlib.import_module("neonize.proto.Neonize_pb2").JID,
        device_props=importlib.import_module(
            "neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2"
        ).DeviceProps,
        proxy_settings=client.ProxySettings,
        log_of_clients=LogOfClients(client),
    )


def _forget_proxies_of_the_environment() -> None:
    """Go would go to ``HTTPS_PROXY`` through a SOCKS5 proxy of ours.

    It reads the environment where the kernel put it, from which a variable is removed only as long
    as none was added: before any of the imports. Sentry has read its own by now.
    """
    for name in tuple(os.environ):
        if name.upper() in _PROXIES:
            del os.environ[name]


def _wait_for_shells() -> None:
    """The import asks ``uname`` through shells that nobody waits for.

    Each would stay a zombie as long as its process, and then with whatever runs as process 1: in a
    container that is us, and there is a shell for every link attempt. There are no other children
    yet when the library is loaded.
    """
    deadline = time.monotonic() + SHELLS_END_S
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            ended, _ = os.waitpid(-1, os.WNOHANG)
            if not ended:
                time.sleep(0.002)


def _discard_standard_output() -> None:
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
