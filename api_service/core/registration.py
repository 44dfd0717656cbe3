"""A salon owner comes from YClients: the salon is written down and the owner gets a token."""

from api_service.core.signature import MarketplaceUser, verified_user
from api_service.core.tokens import Tokens
from api_service.store.companies import Company, MarketplaceContact, register_company
from api_service.store.marketplace_events import REGISTRATION_STARTED, add_marketplace_event
from shared.company_id import SalonId
from shared.db import Pool
from shared.errors import AppError, ErrorCode


class Registrar:
    """Raises AppError(NOT_CONFIGURED) without a partner token or a token secret."""

    def __init__(self, database: Pool, tokens: Tokens, partner_token: str) -> None:
        self._database = database
        self._tokens = tokens
        self._partner_token = partner_token

    async def register(self, salon_id: SalonId, user_data: str, sign: str) -> str:
        """The onboarding token. The company and its event are written together or not at all.

        Raises AppError and what the database raises.
        """
        if not self._partner_token or not self._tokens.configured:
            raise AppError(ErrorCode.NOT_CONFIGURED)
        user = verified_user(user_data, sign, self._partner_token)
        company = await self._write(salon_id, user)
        return self._tokens.issue(
            company.id, salon_id, company.title or f"Филиал {salon_id}", user.as_claims()
        )

    async def _write(self, salon_id: SalonId, user: MarketplaceUser) -> Company:
        contact = MarketplaceContact(user.id, user.name, user.phone, user.email)
        async with self._database.connection() as connection, connection.transaction():
            company = await register_company(connection, salon_id, user.salon_name, contact)
            await add_marketplace_event(
                connection,
                company.id,
                salon_id,
                REGISTRATION_STARTED,
                {"installation": company.installation, "marketplace_user_id": user.id},
            )
        return company
