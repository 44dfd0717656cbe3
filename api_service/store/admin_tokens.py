"""Tokens of the admin API: their hashes, never the tokens. The caller owns the transaction."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from api_service.store.queries import query
from shared.db import Connection


class Role(StrEnum):
    """From the least to the most; each may what the ones before it may."""

    ADMIN = "admin"
    MARKETPLACE_ADMIN = "marketplace_admin"
    SUPERADMIN = "superadmin"

    def may(self, needed: "Role") -> bool:
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True)
class TokenOwner:
    id: int
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class KnownToken:
    name: str
    role: Role
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


async def use_admin_token(connection: Connection, token_hash: bytes) -> TokenOwner | None:
    """Whose it is, None for one that was never made or was revoked; notes that it was used."""
    cursor = await connection.execute(query("use_admin_token"), {"token_hash": token_hash})
    row = await cursor.fetchone()
    return TokenOwner(row["id"], row["name"], Role(row["role"])) if row else None


async def create_admin_token(
    connection: Connection, name: str, role: Role, token_hash: bytes
) -> int | None:
    """Its id; None when the name has a token that is not revoked."""
    cursor = await connection.execute(
        query("create_admin_token"), {"name": name, "role": role.value, "token_hash": token_hash}
    )
    row = await cursor.fetchone()
    return int(row["id"]) if row else None


async def revoke_admin_token(connection: Connection, name: str) -> int | None:
    """Its id; None when no token of that name is in use."""
    cursor = await connection.execute(query("revoke_admin_token"), {"name": name})
    row = await cursor.fetchone()
    return int(row["id"]) if row else None


async def admin_tokens(connection: Connection) -> list[KnownToken]:
    """Revoked ones as well, the oldest first."""
    cursor = await connection.execute(query("admin_tokens"))
    return [KnownToken(**{**row, "role": Role(row["role"])}) for row in await cursor.fetchall()]
