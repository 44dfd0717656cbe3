"""Who may use the admin API: owners of tokens with a role.

A token is 256 random bits, kept as its SHA-256. Nobody can guess one, so a slow hash would protect
nothing and cost every request; and it is looked up by its hash, so no comparison gives it away.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from api_service.store.admin_audit import Actor
from api_service.store.admin_tokens import Role, use_admin_token
from shared.db import Pool
from shared.errors import AppError, ErrorCode

PREFIX: Final = "aia_"
"""So that a token that has leaked into a log or a repository is recognised there."""

ENVIRONMENT: Final = "environment"
"""Name of whoever holds ADMIN_TOKEN."""

_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Operator:
    name: str
    role: Role
    token_id: int | None = None

    def require(self, needed: Role) -> None:
        """Raises AppError(ADMIN_ROLE_REQUIRED)."""
        if not self.role.may(needed):
            raise AppError(ErrorCode.ADMIN_ROLE_REQUIRED, role=self.role.value, needed=needed.value)

    def at(self, address: str) -> Actor:
        return Actor(self.name, self.role.value, address, self.token_id)


class Operators:
    def __init__(self, database: Pool, environment_token: str) -> None:
        self._database = database
        self._environment_token = environment_token.encode()

    async def known_by(self, token: str | None) -> Operator:
        """Raises AppError(ADMIN_TOKEN_INVALID), also without a token; psycopg.Error."""
        if not token:
            raise AppError(ErrorCode.ADMIN_TOKEN_INVALID)
        if self._environment_token and hmac.compare_digest(token.encode(), self._environment_token):
            return Operator(ENVIRONMENT, Role.SUPERADMIN)
        if not token.startswith(PREFIX):
            raise AppError(ErrorCode.ADMIN_TOKEN_INVALID)
        async with self._database.connection() as connection:
            owner = await use_admin_token(connection, hash_of(token))
        if owner is None:
            raise AppError(ErrorCode.ADMIN_TOKEN_INVALID)
        return Operator(owner.name, owner.role, owner.id)


def new_token() -> str:
    return f"{PREFIX}{secrets.token_urlsafe(_BYTES)}"


def hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
