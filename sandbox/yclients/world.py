"""Everything that this YClients consists of, put together once."""

import time
from pathlib import Path
from typing import Final

from sandbox.yclients.callbacks import Callbacks, Manner
from sandbox.yclients.connections import Connection, Connections, Source, moment
from sandbox.yclients.gateway import Gateway
from sandbox.yclients.journal import Journal
from sandbox.yclients.marketplace import Marketplace
from sandbox.yclients.quirks import Quirks
from sandbox.yclients.rate import RateLimit
from sandbox.yclients.state_file import StateFile

PRICE: Final = 990.0
MONTH_S: Final = 30 * 24 * 3600


class World:
    """``state``: where connections survive a restart, None for nowhere."""

    def __init__(
        self, api_url: str, partner_token: str, application_id: int, state: Path | None = None
    ) -> None:
        self.api_url = api_url
        self.partner_token = partner_token
        self.limit = RateLimit()
        self.quirks = Quirks()
        self.journal = Journal()
        self.callbacks = Callbacks(api_url, partner_token, application_id)
        self._state = StateFile(state) if state else None
        self.connections = Connections(on_change=self._save)
        if self._state is not None:
            self.connections.load(self._state.read())
        self.marketplace = Marketplace(self.connections, self.callbacks, application_id)
        self.gateway = Gateway(
            self.marketplace, self.quirks, self.journal, self.limit, partner_token
        )

    def pay(self, connection: Connection, *, told: bool) -> None:
        """The owner pays for a month; YClients may tell us so (D2)."""
        now = time.time()
        payment = {
            "payment_sum": PRICE,
            "currency_iso": "RUB",
            "payment_date": moment(now),
            "period_from": moment(now),
            "period_to": moment(now + MONTH_S),
        }
        paid = self.connections.pay(connection, payment, Source.OWNER)
        if told:
            more = {name: payment[name] for name in payment if name != "payment_sum"}
            self.callbacks.lifecycle(
                connection, "payment", payment_id=paid.id, amount=990, discount=None, **more
            )

    def switch(
        self,
        *,
        rate_limit: bool | None,
        pending_lifetime_s: float | None,
        has_tariffs: bool | None,
    ) -> None:
        if rate_limit is not None:
            self.limit.enforced = rate_limit
        if pending_lifetime_s is not None:
            self.connections.pending_lifetime_s = pending_lifetime_s
        if has_tariffs is not None:
            self.marketplace.has_tariffs = has_tariffs

    def reset(self) -> None:
        self.quirks.clear()
        self.journal.clear()
        self.limit.reset()
        self.callbacks.manner = Manner()
        self.callbacks.deliveries.clear()

    async def close(self) -> None:
        await self.callbacks.close()

    def _save(self) -> None:
        if self._state is not None:
            self._state.write(self.connections.dump())
