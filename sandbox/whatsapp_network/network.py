"""The state of the network: accounts, live connections, offers, faults and what was counted."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.whatsapp_network.account import Account, Companion, new_account
from sandbox.whatsapp_network.certificates import Authority
from sandbox.whatsapp_network.curve25519 import KeyPair
from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.faults import Faults
from sandbox.whatsapp_network.jid import LIDS, Jid
from sandbox.whatsapp_network.journal import Journal, Stats
from sandbox.whatsapp_network.offers import Offers
from sandbox.whatsapp_network.settings import NetworkSettings
from sandbox.whatsapp_network.state_file import State

if TYPE_CHECKING:
    from sandbox.whatsapp_network.connection import Connection


class Network:
    """`clock_s` is monotonic and rules QR and code windows; `changed` is told of kept changes."""

    def __init__(
        self,
        state: State,
        *,
        clock_s: Callable[[], float] = time.monotonic,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.clock_s = clock_s
        self.changed = changed
        self.settings = NetworkSettings()
        self.authority = Authority(KeyPair(state.root_private))
        self.offers = Offers()
        self.faults = Faults()
        self.journal = Journal()
        self.connections: set[Connection] = set()
        self._accounts = {account.number: account for account in state.accounts}
        self._online: dict[tuple[str, int], Connection] = {}

    def collect(self) -> State:
        """Return what must survive a restart."""
        return State(root_private=self.authority.root.private, accounts=self.accounts())

    async def forget_everything(self) -> None:
        """Be as new: no phones, links, faults or counts; the root key stays."""
        self.faults.clear()
        async with asyncio.timeout(self.settings.request_deadline_s):
            await self._all_gone()
        self.settings = NetworkSettings()
        self.offers, self.faults, self.journal = Offers(), Faults(), Journal()
        self._accounts.clear()
        self.changed()

    async def _all_gone(self) -> None:
        # Clients that come back meanwhile are cut off too.
        while current := tuple(self.connections):
            for connection in current:
                connection.abort()
            await asyncio.gather(*(connection.closed.wait() for connection in current))

    def accounts(self) -> list[Account]:
        return list(self._accounts.values())

    def ensure_account(self, number: str, name: str, *, passkey_required: bool = False) -> Account:
        """Return the account of a number, made if it is new; what is given is the latest."""
        account = self._accounts.get(number)
        if account is None:
            account = self._accounts[number] = new_account(number, name)
            self.journal.note("phone_created", number)
        account.name = name
        account.passkey_required = passkey_required
        self.changed()
        return account

    def account(self, number: str) -> Account:
        """Raise `NetworkError` when the number has no WhatsApp."""
        if number not in self._accounts:
            raise NetworkError(Code.PHONE_UNKNOWN, "Такого телефона нет")
        return self._accounts[number]

    def find_account(self, jid: Jid) -> Account | None:
        """Look an account up by either of its addresses."""
        if jid.server == LIDS:
            return next((each for each in self.accounts() if each.lid == jid.user), None)
        return self._accounts.get(jid.user)

    def companion(self, number: str, device: int) -> Companion:
        companion = self.account(number).companions.get(device)
        if companion is None:
            raise NetworkError(Code.DEVICE_UNKNOWN, "Такого устройства нет")
        return companion

    def remove_companion(self, number: str, device: int) -> None:
        self.account(number).companions.pop(device, None)
        self.journal.note("unlinked", number, device)
        self.changed()

    def online(self, number: str, device: int) -> "Connection | None":
        return self._online.get((number, device))

    def set_online(self, number: str, device: int, connection: "Connection") -> "Connection | None":
        """Return the connection that stood for this device until now."""
        previous = self._online.get((number, device))
        self._online[number, device] = connection
        return previous

    def set_offline(self, number: str, device: int, connection: "Connection") -> None:
        """Forget a connection, unless a newer one has taken its place."""
        if self._online.get((number, device)) is connection:
            del self._online[number, device]

    def stats(self) -> Stats:
        counts = self.journal.counts
        return Stats(
            handshakes=counts["handshake"],
            logins=counts["login"],
            logins_by_device=dict(self.journal.logins),
            replaced=counts["replaced"],
            replaced_by_device=dict(self.journal.replaced),
            pairings=counts["linked"],
            refused=counts["refused"],
            unknown_stanzas=counts["unknown_stanza"],
            open_connections=len(self.connections),
            online_devices=len(self._online),
            linked_devices=sum(len(account.companions) for account in self.accounts()),
        )
