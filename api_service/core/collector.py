"""Keeps what YClients sends and nobody understands yet, as it came, for those who read it later."""

import json
from typing import Any, Final

import structlog

from api_service.core.notifications import text_of
from api_service.store.entity_hints import add_notification
from shared.company_id import parse_salon_id
from shared.db import DatabaseError, Pool, within
from shared.errors import AppError

_log = structlog.get_logger(__name__)

STORE_S: Final = 0.5
DAYS: Final = 30
NUMBER: Final = 10_000


class Collector:
    def __init__(self, database: Pool, partner_token: str) -> None:
        self._database = database
        self._partner_token = partner_token

    async def keep(self, kind: str, body: bytes) -> None:
        """If it can be kept at once: it is worth neither an error nor a wait."""
        text, salon_id = self._told(body)
        try:
            await within(STORE_S, self._store(kind, salon_id, text))
        except (DatabaseError, TimeoutError) as error:
            _log.info("notification_not_kept", kind=kind, error=type(error).__name__)
        else:
            _log.info("notification_kept", kind=kind, salon_id=salon_id, bytes=len(body))

    async def _store(self, kind: str, salon_id: int | None, text: str) -> None:
        async with self._database.connection() as connection:
            await add_notification(connection, kind, salon_id, text)

    def _told(self, body: bytes) -> tuple[str, int | None]:
        """Without tokens; the salon where one is named."""
        text = text_of(body.decode("utf-8", "replace"))
        salon_id = None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            salon_id = _salon_of(value)
            if "partner_token" in value:
                masked = {**value, "partner_token": "<masked>"}
                text = text_of(json.dumps(masked, ensure_ascii=False))
        if self._partner_token:
            text = text.replace(self._partner_token, "<masked>")
        return text, salon_id


def _salon_of(value: dict[str, Any]) -> int | None:
    for name in ("salon_id", "company_id"):
        try:
            return parse_salon_id(value.get(name))
        except AppError:
            continue
    return None
