"""Column ``whatsapp_sessions.phone_seen_at``: when salons' own phones gave a sign of life.

Written for many salons at once, and only ever forward, so that whoever comes late does no harm.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared.company_id import SessionId
from shared.db import Connection, load_queries

_SQL: Final = load_queries(Path(__file__).with_name("queries.sql"))

Sightings = Mapping[SessionId, float]
"""Seconds since the epoch."""


async def keep(connection: Connection, sightings: Sightings) -> None:
    values = {"session_ids": list(sightings), "moments_s": list(sightings.values())}
    await connection.execute(_SQL["keep_sightings"], values)
