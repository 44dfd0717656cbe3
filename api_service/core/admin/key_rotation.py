"""Seal what is kept encrypted anew, under the first of ENCRYPTION_KEYS.

Row by row, each in a step of its own: it may be stopped at any moment and started again, and goes
on beside running processes.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final

from api_service.core.vault import Vault
from api_service.store.sealed_secrets import (
    SealedSecrets,
    replace_sealed_secrets,
    sealed_secrets,
)
from shared.company_id import SalonId
from shared.db import Connection

BATCH: Final = 200
_SEALED: Final = ("api_key", "webhook_secret", "doubtful_api_key", "doubtful_webhook_secret")


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
    old = {name: sealed for name in _SEALED if (sealed := getattr(row, name))}
    new = {name: vault.reseal(sealed) for name, sealed in old.items()}
    readable = all(new.values())
    if not readable:
        rotation.unreadable.append(row.salon_id)
    changes: dict[str, Any] = {name: sealed for name, sealed in new.items() if sealed}
    resealed = replace(row, **changes)
    if resealed == row:
        rotation.current += readable
    elif await replace_sealed_secrets(connection, row, resealed):
        rotation.resealed += 1
    else:
        rotation.changed_meanwhile += 1
