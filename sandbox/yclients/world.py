"""Everything that this YClients consists of, put together once."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.yclients.answers import Answers
from sandbox.yclients.callbacks import Callbacks
from sandbox.yclients.connections import (
    PENDING_LIFETIME_S,
    Connection,
    Connections,
    Salon,
    Source,
    moment,
)
from sandbox.yclients.door import Doorkeeper
from sandbox.yclients.gateway import Gateway
from sandbox.yclients.journal import Journal
from sandbox.yclients.marketplace import Marketplace
from sandbox.yclients.quirks import Quirks
from sandbox.yclients.rate import RateLimit
from sandbox.yclients.redirect import redirect_url
from sandbox.yclients.salon.booking_calls import BookingCalls
from sandbox.yclients.salon.businesses import Businesses
from sandbox.yclients.salon.crm_calls import CrmCalls
from sandbox.yclients.state_file import State, StateFile

PRICE: Final = 990
MONTH_S: Final = 30 * 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Setup:
    """``api_url``: where our API process is, without a slash at its end.

    ``user_token``: of the application's own user, empty for none. ``state``: where connections and
    bookings survive a restart, None for nowhere. ``salons`` are there from the start.
    """

    api_url: str
    partner_token: str
    application_id: int
    user_token: str = ""
    state: Path | None = None
    salons: tuple[Salon, ...] = ()
    rate_limit: bool = True


class World:
    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._state = StateFile(setup.state) if setup.state else None
        self.limit = RateLimit()
        self.quirks = Quirks()
        self.journal = Journal()
        self.callbacks = Callbacks(setup.api_url, setup.partner_token, setup.application_id)
        self.connections = Connections(on_change=self._save)
        self.businesses = Businesses(self.connections, self.callbacks, on_change=self._save)
        self.marketplace = Marketplace(self.connections, self.callbacks, setup.application_id)
        answers = Answers(
            self.marketplace.calls,
            BookingCalls(self.businesses).calls,
            CrmCalls(self.businesses).calls,
        )
        doorkeeper = Doorkeeper(self.limit, self.connections, setup.partner_token, setup.user_token)
        self.gateway = Gateway(answers, self.quirks, self.journal, doorkeeper)
        self._load()
        self.reset()

    def redirect(self, connection: Connection) -> str:
        """The owner presses «Подключить»; where the browser is sent to."""
        self.connections.connect(connection)
        return redirect_url(self._setup.api_url, self._setup.partner_token, connection.salon)

    def uninstall(self, connection: Connection, *, told: bool = True) -> None:
        if self.connections.uninstall(connection, Source.OWNER) and told:
            self.callbacks.lifecycle(connection, "uninstall")

    def freeze(self, connection: Connection, *, told: bool = True) -> None:
        if self.connections.freeze(connection) and told:
            self.callbacks.lifecycle(connection, "freeze")

    def pay(self, connection: Connection, *, told: bool = True) -> None:
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
                connection, "payment", payment_id=paid.id, amount=PRICE, discount=None, **more
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

    def reset(self, *, salons: bool = False) -> None:
        """As after the start, except for salons, unless these are to be forgotten, too."""
        self.quirks.clear()
        self.journal.clear()
        self.limit.reset()
        self.callbacks.reset()
        self.switch(
            rate_limit=self._setup.rate_limit,
            pending_lifetime_s=PENDING_LIFETIME_S,
            has_tariffs=True,
        )
        if salons:
            self.connections.clear()
            self.businesses.clear()
        for salon in self._setup.salons:
            self.connections.add(salon)

    async def close(self) -> None:
        await self.callbacks.close()

    def _load(self) -> None:
        if self._state is not None:
            stored = self._state.read()
            self.connections.load(stored.connections)
            self.businesses.load(stored.books)

    def _save(self) -> None:
        if self._state is not None:
            self._state.write(
                State(connections=self.connections.dump(), books=self.businesses.dump())
            )
