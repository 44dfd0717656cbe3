"""Somebody asks for a salon's activation and waits for it: the page of the previous system, say.

The server activates anyway; whoever asks is told how it ended.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import structlog

from api_service.core.activations import Activations
from api_service.core.link_recorder import LinkRecorder
from api_service.core.tokens import Registration, Tokens
from api_service.store.activations import ActivationState, IntegrationStatus, read_activation
from api_service.store.expiring_lock import ExpiringLock
from shared.bus.connection import BusError
from shared.company_id import SalonId
from shared.db import Pool
from shared.errors import AppError, ErrorCode
from shared.messages.envelope import new_id
from shared.observability import warn

_log = structlog.get_logger(__name__)

WAIT_S: Final = 25.0
"""As long as browsers and proxies wait; what takes longer is pending."""

LOCK_RESERVE_S: Final = 3.0
LOOK_EVERY_S: Final = 0.25
"""While another process has the salon in hand."""

RETRY_AFTER_S: Final = 5

_OVER: Final = frozenset(
    {
        IntegrationStatus.ACTIVE,
        IntegrationStatus.FROZEN,
        IntegrationStatus.UNINSTALLED,
        IntegrationStatus.PENDING_CALLBACK,
    }
)
_AWAITED: Final = frozenset({IntegrationStatus.PENDING_WHATSAPP, IntegrationStatus.ACTIVATING})


class ActivationRequests:
    def __init__(
        self,
        database: Pool,
        tokens: Tokens,
        activations: Activations,
        recorder: LinkRecorder,
        waiters: ExpiringLock,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._activations = activations
        self._recorder = recorder
        self._waiters = waiters

    def registration_of(self, token: str | None) -> Registration:
        """Raises AppError(TOKEN_MISSING, TOKEN_INVALID, REGISTRATION_EXPIRED)."""
        try:
            return self._tokens.verify(token)
        except AppError as refusal:
            if refusal.code is ErrorCode.TOKEN_EXPIRED and token:
                minutes = self._tokens.minutes_since_expiry(token)
                raise AppError(
                    ErrorCode.REGISTRATION_EXPIRED, expired_minutes_ago=minutes
                ) from None
            raise

    async def request(self, registration: Registration) -> ActivationState:
        """How the salon stands when its activation is over, or when the wait is.

        Raises AppError: REGISTRATION_NOT_FOUND; CONCURRENT_ACTIVATION with ``retry_after`` while
        another request of the salon waits, in whichever process. Raises what the database raises.
        """
        salon_id = registration.salon_id
        state = await self._state(salon_id)
        if state.status in _OVER:
            return state
        async with self._only_waiter(salon_id):
            return await self._wait_for(salon_id, state)

    async def _wait_for(self, salon_id: SalonId, state: ActivationState) -> ActivationState:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                with contextlib.suppress(BusError, OSError):
                    await self._recorder.note_present(salon_id)
                settlement = await asyncio.shield(self._activations.attempt(salon_id))
                if settlement is not None:
                    return replace(state, status=settlement.status, reason=settlement.reason)
                while _to_be_awaited(state := await self._state(salon_id)):  # noqa: ASYNC110 - a row
                    await asyncio.sleep(LOOK_EVERY_S)
                return state
        return await self._state(salon_id)

    async def _state(self, salon_id: SalonId) -> ActivationState:
        async with self._database.connection() as connection:
            state = await read_activation(connection, salon_id)
        if state is None or state.status is IntegrationStatus.UNINSTALLED:
            raise AppError(ErrorCode.REGISTRATION_NOT_FOUND)
        return state

    @contextlib.asynccontextmanager
    async def _only_waiter(self, salon_id: SalonId) -> AsyncIterator[None]:
        """Without Redis nobody knows of the others; the claim in Postgres holds all the same."""
        owner, subject = new_id(), str(salon_id)
        try:
            held = await self._waiters.acquire(subject, owner, WAIT_S + LOCK_RESERVE_S)
        except (BusError, OSError) as error:
            _log.warning("activation_waiter_unknown", error=type(error).__name__)
            held = True
        if not held:
            _log.warning("activation_blocked", salon_id=salon_id)
            warn("activation blocked", operation="activation", salon_id=subject)
            raise AppError(ErrorCode.CONCURRENT_ACTIVATION, retry_after=RETRY_AFTER_S)
        try:
            yield
        finally:
            with contextlib.suppress(BusError, OSError):
                await self._waiters.release(subject, owner)


def _to_be_awaited(state: ActivationState) -> bool:
    return state.status in _AWAITED and state.whatsapp_connected
