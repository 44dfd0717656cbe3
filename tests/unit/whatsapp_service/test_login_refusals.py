"""Which lines of the library's log are refusals that it tells nowhere else."""

import ctypes
from types import SimpleNamespace

import pytest

from whatsapp_service.gateway.login_refusals import LoginRefusals, LogOfClients


class Ear:
    def __init__(self) -> None:
        self.logged: list[bytes] = []
        self.refused: list[int] = []
        self.stayed = 0
        self.refusals = LoginRefusals(self.refused.append, self.log, self.stay)

    def log(self, address: int, size: int) -> None:
        self.logged.append(ctypes.string_at(address, size) if size else b"")

    def stay(self) -> None:
        """After everything else: it does not come back."""
        self.stayed += 1

    def hear(self, text: str) -> None:
        say(self.refusals.take, text)


def say(log: object, text: str) -> None:
    """As Go says it: the bytes are gone afterwards."""
    line = text.encode()
    buffer = ctypes.create_string_buffer(line, len(line))
    assert callable(log)
    log(ctypes.addressof(buffer), len(line))


@pytest.mark.parametrize(
    ("line", "code", "deadly"),
    [
        ('Unknown connect failure: <failure location="lla" reason="415"/>', 415, False),
        ('Unknown connect failure: <failure reason="418" location="lla"/>', 418, False),
        ('Unknown connect failure: <failure reason="499"/>', 499, False),
        ("Got 413/ connect failure, refreshing CAT before reconnecting...", 413, True),
        ("Got 414/token is bad connect failure, refreshing CAT before", 414, True),
    ],
)
def test_what_is_told_nowhere_else_is_told(line: str, code: int, deadly: bool) -> None:
    ear = Ear()
    ear.hear(f"\n\x06Client\x12\x04WARN{line}")
    assert (ear.refused, ear.stayed) == ([code], int(deadly))
    assert len(ear.logged) == 1


@pytest.mark.parametrize(
    "line",
    [
        'Unknown connect failure: <failure location="lla" reason="409"/>',
        'Temporary ban connect failure: <failure reason="402"/>',
        "Got 503/ connect failure, assuming automatic reconnect will handle it",
        "Got 401: logged out from another device connect failure, sending LoggedOut event",
        "Client outdated (405) connect failure (client version: 2.3000.1)",
        "Successfully authenticated",
        "",
    ],
)
def test_what_comes_as_an_event_is_only_logged(line: str) -> None:
    ear = Ear()
    ear.hear(line)
    assert (ear.refused, ear.stayed) == ([], 0)
    assert len(ear.logged) == 1


async def test_each_client_has_an_ear_of_its_own_while_it_connects() -> None:
    logged: list[int] = []
    module = SimpleNamespace(log_whatsmeow=lambda _address, size: logged.append(size))
    clients, refused = LogOfClients(module), {"one": list[int](), "other": list[int]()}

    async def connect() -> object:
        return module.log_whatsmeow

    ears = {name: await clients.connect(connect, refused[name].append) for name in refused}
    say(ears["other"], 'Unknown connect failure: <failure reason="415"/>')
    say(module.log_whatsmeow, 'Unknown connect failure: <failure reason="418"/>')

    assert refused == {"one": [], "other": [415]}
    assert len(logged) == 2
