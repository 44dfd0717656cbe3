"""News of a salon's records: marked as to be fetched again, and nothing of them is believed.

They are not signed, may be partial, come twice, late and in any order (facts on YClients, 4b), and
YClients sends each of them once: what cannot be marked now is kept.
"""

import asyncio
import hashlib
import hmac
import json
from typing import Any, Final

import structlog
from prometheus_client import Counter

from api_service.core.kept_later import NO_SALON
from api_service.core.notifications import text_of
from api_service.core.vault import Vault
from api_service.store.entity_hints import Hint, Hook, add_hint, hook_of_salon
from api_service.store.kept_notifications import KeptNotifications
from shared.bus.connection import BusError
from shared.company_id import SalonId, parse_salon_id
from shared.db import DatabaseError, Pool, within
from shared.errors import AppError, ErrorCode

_log = structlog.get_logger(__name__)
_received = Counter("entity_webhooks_total", "News of salons' records, by fate", ["how"])

KEEP_S: Final = 0.5
LONGEST: Final = 64


class EntityHooks:
    def __init__(
        self, database: Pool, vault: Vault, kept: KeptNotifications, patience_s: float
    ) -> None:
        self._database = database
        self._vault = vault
        self._kept = kept
        self._patience_s = patience_s

    async def receive(self, salon_id: SalonId, secret: str, body: dict[str, Any]) -> None:
        """Returns when it is marked, or kept.

        Raises AppError(NOT_FOUND) for an address that is none, AppError(INVALID_REQUEST) for news
        of another salon or of nothing, AppError(SERVICE_UNAVAILABLE).
        """
        digest = _digest(secret)
        try:
            hint = hint_of(salon_id, body)
        except AppError:
            hint = None
        try:
            how = await within(self._patience_s, self._mark(salon_id, digest, hint))
        except (DatabaseError, TimeoutError) as error:
            _log.warning("entity_webhook_not_stored", error=type(error).__name__)
            how = await self._keep(salon_id, digest, hint)
        _received.labels(how=how).inc()
        if hint is None:
            raise AppError(ErrorCode.INVALID_REQUEST)

    async def note(self, salon_id: SalonId, body: dict[str, Any]) -> None:
        """News whose sender has proved itself otherwise. Raises as `receive`."""
        hint = hint_of(salon_id, body)
        try:
            how = await within(self._patience_s, self._mark_proved(hint))
        except (DatabaseError, TimeoutError) as error:
            _log.warning("entity_webhook_not_stored", error=type(error).__name__)
            how = await self._keep(salon_id, None, hint)
        _received.labels(how=how).inc()

    async def store_kept(self, text: str) -> None:
        """What was kept when Postgres was away; whether its address is right is known now."""
        fields = json.loads(text)
        hint = Hint(**fields["hint"])
        if fields["digest"] is None:
            await self._mark_proved(hint)
            return
        try:
            await self._mark(hint.salon_id, str(fields["digest"]), hint)
        except AppError as refusal:
            _log.info("kept_entity_webhook_refused", code=refusal.code)

    async def take_probe(self) -> None:
        """Return when a mark could be made now; none is. Raises what the database raises."""
        async with (
            self._database.connection() as connection,
            connection.transaction(force_rollback=True),
        ):
            await hook_of_salon(connection, NO_SALON)
            await add_hint(connection, Hint(NO_SALON, "probe", "", "", None))

    async def _mark(self, salon_id: SalonId, digest: str, hint: Hint | None) -> str:
        """The address is looked at first: to a stranger every body is the same."""
        async with self._database.connection() as connection:
            if not self._is_open(await hook_of_salon(connection, salon_id), digest):
                _received.labels(how="refused").inc()
                raise AppError(ErrorCode.NOT_FOUND)
            if hint is None:
                return "invalid"
            return "marked" if await add_hint(connection, hint) else "known"

    async def _mark_proved(self, hint: Hint) -> str:
        async with self._database.connection() as connection:
            return "marked" if await add_hint(connection, hint) else "known"

    def _is_open(self, hook: Hook | None, digest: str) -> bool:
        known = hook is not None and hook.secret is not None and hook.status != "uninstalled"
        secret = self._vault.open(hook.secret) if known and hook and hook.secret else None
        expected = _digest(secret) if secret else ""
        return hmac.compare_digest(expected.encode(), digest.encode())

    async def _keep(self, salon_id: SalonId, digest: str | None, hint: Hint | None) -> str:
        """``digest`` None: its sender has proved itself."""
        if hint is None:
            return "invalid"
        fields = {
            "salon_id": salon_id,
            "resource": hint.resource,
            "resource_id": hint.resource_id,
            "status": hint.status,
            "changed_at": hint.changed_at,
        }
        try:
            async with asyncio.timeout(KEEP_S):
                kept = await self._kept.keep(json.dumps({"digest": digest, "hint": fields}))
        except (BusError, OSError, TimeoutError):
            kept = False
        if not kept:
            _received.labels(how="lost").inc()
            raise AppError(ErrorCode.SERVICE_UNAVAILABLE)
        return "kept"


def hint_of(salon_id: SalonId, body: dict[str, Any]) -> Hint:
    """Raises AppError(INVALID_REQUEST) for what names no record, or one of another salon."""
    try:
        told = parse_salon_id(body.get("company_id"))
    except AppError:
        raise AppError(ErrorCode.INVALID_REQUEST) from None
    resource, resource_id = _word(body.get("resource")), _word(body.get("resource_id"))
    if told != salon_id or resource is None or resource_id is None:
        raise AppError(ErrorCode.INVALID_REQUEST)
    data = body.get("data")
    changed_at = data.get("last_change_date") if isinstance(data, dict) else None
    return Hint(salon_id, resource, resource_id, _word(body.get("status")) or "", _word(changed_at))


def _word(value: object) -> str | None:
    """A short text or a whole number; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = text_of(str(value)).strip()
    return text if 0 < len(text) <= LONGEST else None


def _digest(secret: str) -> str:
    """What stands for a secret that has to lie about: of 24 random bytes it tells nothing."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
