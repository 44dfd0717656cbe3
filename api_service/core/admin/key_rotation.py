"""Seal what is kept encrypted anew, under the first of ENCRYPTION_KEYS.

Row by row, each in a step of its own: it may be stopped at any moment and started again, and goes
on beside running processes.
"""

from dataclasses import dataclass, field
from typing import Final

from api_service.core.vault import Vault
from api_service.store.sealed_secrets import (
    SealedSecrets,
    replace_sealed_secrets,
    sealed_secrets,
)
from shared.company_id import SalonId
from shared.db import Connection

BATCH: Final = 200


@dataclass
class Rotation:
    """Counts of salons. ``unreadable``: none of the keys opens what they have, so it stays."""

    resealed: int = 0
    current: int = 0
    changed_meanwhile: int = 0
    unreadable: list[SalonId] = field(default_factory=list)


async def rotate(connection: Connection, vault: Vault) -> Rotation:
    """Raises AppError(NOT_CONFIGURED) without a key, and what the database raises."""
    rotation, after_id = Rotation(), 0
    while rows := await sealed_secrets(connection, after_id, BATCH):
        for row in rows:
            await _rotate_one(connection, vault, row, rotation)
        after_id = rows[-1].id
    return rotation


async def _rotate_one(
    connection: Connection, vault: Vault, row: SealedSecrets, rotation: Rotation
) -> None:
    old = (row.api_key, row.webhook_secret)
    new = tuple(vault.reseal(sealed) if sealed else None for sealed in old)
    readable = all(there or not was for was, there in zip(old, new, strict=True))
    if not readable:
        rotation.unreadable.append(row.salon_id)
    api_key, webhook_secret = (there or was for was, there in zip(old, new, strict=True))
    if (api_key, webhook_secret) == old:
        rotation.current += readable
    elif await replace_sealed_secrets(connection, row, api_key, webhook_secret):
        rotation.resealed += 1
    else:
        rotation.changed_meanwhile += 1
