"""Encrypted columns of salons, to be encrypted anew. The caller owns the transaction."""

from dataclasses import asdict, dataclass

from api_service.store.queries import query
from shared.company_id import SalonId
from shared.db import Connection


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    id: int
    salon_id: SalonId
    api_key: str | None
    webhook_secret: str | None
    doubtful_api_key: str | None
    doubtful_webhook_secret: str | None


async def sealed_secrets(connection: Connection, after_id: int, count: int) -> list[SealedSecrets]:
    """Of the salons that have any, by row id."""
    cursor = await connection.execute(
        query("sealed_secrets"), {"after_id": after_id, "count": count}
    )
    return [SealedSecrets(**row) for row in await cursor.fetchall()]


async def replace_sealed_secrets(
    connection: Connection, old: SealedSecrets, new: SealedSecrets
) -> bool:
    """False, and nothing is changed, when they are not as they were read."""
    cursor = await connection.execute(
        query("replace_sealed_secrets"),
        {**asdict(old), **{f"new_{name}": value for name, value in asdict(new).items()}},
    )
    return cursor.rowcount > 0
