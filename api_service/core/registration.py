"""A salon owner comes from YClients: the salon is written down and the owner gets a token."""

from dataclasses import dataclass

from prometheus_client import Counter

from api_service.core.connection_check import ConnectionCheck
from api_service.core.onboarding import Course, Due, Known, Said, admit, course_of, thaws
from api_service.core.signature import MarketplaceUser, verified_user
from api_service.core.thawing import Thawing
from api_service.core.tokens import Tokens
from api_service.store import companies
from api_service.store.companies import Company, MarketplaceContact
from api_service.store.marketplace_events import REGISTRATION_STARTED, add_marketplace_event
from shared.company_id import SalonId, session_id_of
from shared.db import Connection, Pool
from shared.errors import AppError, ErrorCode

_registrations = Counter(
    "registrations_total", "Redirects from YClients, by what it says of the salon", ["said"]
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Who came, and what YClients says of the salon, in its own words too.

    ``status_before`` YClients was asked; None for a salon that was never here.
    """

    salon_id: SalonId
    user: MarketplaceUser
    said: Said
    words: str
    verified: bool
    status_before: str | None


class Registrar:
    """Raises AppError(NOT_CONFIGURED) without a partner token or a token secret."""

    def __init__(
        self,
        database: Pool,
        tokens: Tokens,
        partner_token: str,
        check: ConnectionCheck,
        thawing: Thawing,
        *,
        strict: bool,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._partner_token = partner_token
        self._check = check
        self._thawing = thawing
        self._strict = strict

    async def register(self, salon_id: SalonId, user_data: str, sign: str) -> str:
        """The onboarding token. The company and its event are written together or not at all.

        Raises AppError, and what the database raises.
        """
        if not self._partner_token or not self._tokens.configured:
            raise AppError(ErrorCode.NOT_CONFIGURED)
        user = verified_user(user_data, sign, self._partner_token)
        entry = await self._admitted(salon_id, user)
        company = await self._write(entry)
        return self._tokens.issue(
            company.id, salon_id, company.title or f"Филиал {salon_id}", user.as_claims()
        )

    async def _admitted(self, salon_id: SalonId, user: MarketplaceUser) -> Entry:
        """No transaction is open while YClients is asked."""
        async with self._database.connection() as connection:
            company = await companies.find_company(connection, salon_id)
        known = Known(company.integration_status, company.user_id) if company else None
        said, words = await self._check.ask(salon_id)
        _registrations.labels(said=said.value).inc()
        verified = admit(said, known, user.id, strict=self._strict)
        if known and thaws(known.status, said):
            said = said if await self._thawing.request(session_id_of(salon_id)) else Said.FREEZED
        return Entry(salon_id, user, said, words, verified, known.status if known else None)

    async def _write(self, entry: Entry) -> Company:
        user = entry.user
        contact = MarketplaceContact(user.id, user.name, user.phone, user.email)
        async with self._database.connection() as connection, connection.transaction():
            company = await self._enter(connection, entry, contact)
            await add_marketplace_event(
                connection,
                company.id,
                entry.salon_id,
                REGISTRATION_STARTED,
                {
                    "installation": company.installation,
                    "marketplace_user_id": user.id,
                    "connection": entry.words,
                    "connection_check": _verdict(entry),
                },
            )
        return company

    async def _enter(
        self, connection: Connection, entry: Entry, contact: MarketplaceContact
    ) -> Company:
        """Locked from here on: what is read stays true until it is written."""
        visit = companies.Visit(entry.salon_id, entry.user.salon_name, _verdict(entry), contact)
        added = await companies.add_company(connection, visit)
        if added is not None:
            return added
        company = await companies.lock_company(connection, entry.salon_id)
        course = _course(entry, company.integration_status)
        if course.anew:
            return await companies.begin_installation(connection, visit)
        return await companies.continue_installation(
            connection, visit, course.status, due_now=course.due is Due.NOW
        )


def _course(entry: Entry, status: str) -> Course:
    """What YClients said was before the row has changed: then it says nothing of the row."""
    return course_of(status, entry.said if status == entry.status_before else Said.NOTHING)


def _verdict(entry: Entry) -> str:
    return "verified" if entry.verified else "unverified"
