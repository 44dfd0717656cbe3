"""One attempt to activate a salon in YClients, from a claim to how it ends.

What YClients answers decides nothing alone: an attempt is a success when YClients says that the
connection is active. A call that may have arrived is never repeated before that was asked.
"""

import asyncio
import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from api_service.core.claims import ClaimLostError
from api_service.core.hook_address import hook_url, new_secret
from api_service.core.vault import Vault, is_sealed
from api_service.store.activations import (
    Claim,
    FreshSecrets,
    IntegrationStatus,
    Settlement,
)
from api_service.store.ledgers import Ledger
from api_service.yclients.errors import (
    AmbiguousError,
    NotSentError,
    RefusedError,
    YclientsError,
)
from api_service.yclients.models import ConnectionStatus, SalonConnection
from shared.company_id import SalonId

_log = structlog.get_logger(__name__)

AFTER_REFUSAL_S: Final = (60.0, 300.0, 900.0, 3600.0, 86_400.0)
"""1, 5, 15, 60 minutes, then daily."""
AFTER_SILENCE_S: Final = (15.0, 60.0, 300.0, 900.0)
"""YClients was not reached, or did not say: it may be back at any moment."""
AFTER_HANDOVER_S: Final = (600.0, 3600.0, 86_400.0)
"""When it is asked whether an operator has sent what we were told not to send."""
JITTER: Final = 0.1

CONFIRM_AFTER_S: Final = (0.0, 0.3, 0.7, 1.5, 3.0, 5.0)
"""The connection's status is asked until it is active; these are the pauses before."""
CALLS_PER_ATTEMPT: Final = 2

_NOT_DEFINITE: Final = frozenset({"application_unknown", "not_installed"})
"""YClients does not know the connection now, but may later: facts on YClients, section 3."""


MayLeave = Callable[[], bool]
"""Whether the claim still holds, asked in the last moment before the call leaves."""


class Marketplace(Protocol):
    """The part of the YClients client that an activation needs."""

    async def connection(
        self, salon_id: SalonId, *, timeout_s: float | None = None, background: bool = False
    ) -> SalonConnection: ...

    async def activate(
        self,
        salon_id: SalonId,
        api_key: str,
        webhook_urls: Sequence[str],
        *,
        may_leave: MayLeave,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class _End:
    """``may_be_sent``: YClients may have the key."""

    status: IntegrationStatus
    reason: str | None
    may_be_sent: bool
    retry_after_s: Sequence[float] = AFTER_REFUSAL_S
    at_least_s: float = 0.0


@dataclass(slots=True)
class _Doubt:
    """Whether a call with the claim's secrets may still reach YClients."""

    there: bool


_KEY_LOST: Final = _End(IntegrationStatus.ACTIVATION_FAILED, "key_lost", may_be_sent=False)
"""ENCRYPTION_KEYS has lost the key that sealed the secrets: the next attempt makes new ones."""

_ACTIVE: Final = _End(IntegrationStatus.ACTIVE, None, may_be_sent=True)


def fresh_secrets(vault: Vault) -> FreshSecrets:
    """Raises AppError(NOT_CONFIGURED)."""
    return FreshSecrets(vault.seal(secrets.token_urlsafe(32)), vault.seal(new_secret()))


class Activation:
    """Takes a claim through its steps. Raises ClaimLostError and what the database raises."""

    def __init__(
        self,
        ledger: Ledger,
        marketplace: Marketplace,
        vault: Vault,
        public_url: str,
        confirm_after_s: Sequence[float] = CONFIRM_AFTER_S,
    ) -> None:
        self._ledger = ledger
        self._marketplace = marketplace
        self._vault = vault
        self._public_url = public_url
        self._confirm_after_s = confirm_after_s

    async def carry_out(self, claim: Claim, may_leave: MayLeave) -> Settlement:
        """The settlement, which has been written."""
        doubt = _Doubt(claim.in_doubt)
        end = await self._end_of(claim, may_leave, doubt)
        return await self._settle(claim, end, in_doubt=doubt.there)

    async def put_off(self, claim: Claim, reason: str) -> Settlement:
        """A fault of ours has ended the attempt, nobody knows where: it may have been sent."""
        end = _End(IntegrationStatus.ACTIVATION_PENDING, reason, may_be_sent=True)
        return await self._settle(claim, end, in_doubt=True, interrupted=claim.interrupted)

    async def leave_to_operator(self, claim: Claim) -> Settlement:
        """Nothing is sent; the secrets that an operator has to send are kept."""
        api_key, webhook_secret = self._opened(claim.api_key), self._opened(claim.webhook_secret)
        if api_key is None or webhook_secret is None:
            return await self._settle(claim, _KEY_LOST)
        _log.warning(
            "callback_left_to_operator",
            salon_id=claim.salon_id,
            send="POST /marketplace/partner/callback/redirect",
            body={
                "salon_id": claim.salon_id,
                "api_key": _hint(api_key),
                "webhook_urls": self._hooks(claim, _hint(webhook_secret)),
            },
        )
        end = await self._status_end(claim) if claim.status_before in _ASKED_BEFORE else None
        if end is None or end.status is not IntegrationStatus.ACTIVE:
            end = _End(
                IntegrationStatus.PENDING_CALLBACK, "left_to_operator", may_be_sent=True,
                retry_after_s=AFTER_HANDOVER_S,
            )  # fmt: skip
        return await self._settle(claim, end, in_doubt=claim.in_doubt)

    async def _end_of(self, claim: Claim, may_leave: MayLeave, doubt: _Doubt) -> _End:
        api_key, webhook_secret = self._opened(claim.api_key), self._opened(claim.webhook_secret)
        if api_key is None or webhook_secret is None:
            doubt.there = False
            return _KEY_LOST
        hooks = self._hooks(claim, webhook_secret)
        may_be_sent = claim.sent
        end: _End | None = await self._status_end(claim) if claim.sent else None
        for _ in range(CALLS_PER_ATTEMPT):
            if end is not None:
                return end
            if not await self._ledger.mark_sent(claim):
                raise ClaimLostError
            try:
                await self._marketplace.activate(
                    claim.salon_id, api_key, hooks, may_leave=may_leave
                )
            except NotSentError as error:
                return _silence(error, may_be_sent=may_be_sent)
            except RefusedError as error:
                return await self._refused(claim, error)
            except AmbiguousError as error:
                may_be_sent = doubt.there = True
                end = await self._status_end(claim, error)
            else:
                return await self._confirmed(claim)
        return end or _End(
            IntegrationStatus.ACTIVATION_PENDING, "not_confirmed", may_be_sent=True,
            retry_after_s=AFTER_SILENCE_S,
        )  # fmt: skip

    async def _confirmed(self, claim: Claim) -> _End:
        """YClients has accepted: its status follows, as a rule at once."""
        end: _End | None = None
        for pause_s in self._confirm_after_s:
            await asyncio.sleep(pause_s)
            try:
                found = await self._marketplace.connection(claim.salon_id)
            except YclientsError as error:
                end = _silence(error, may_be_sent=True)
                continue
            if found.status is ConnectionStatus.ACTIVE:
                return _ACTIVE
            end = None
        return end or _End(
            IntegrationStatus.ACTIVATION_PENDING, "not_confirmed", may_be_sent=True,
            retry_after_s=AFTER_SILENCE_S,
        )  # fmt: skip

    async def _refused(self, claim: Claim, refusal: RefusedError) -> _End:
        if refusal.reason == "already_installed":
            return await self._confirmed(claim)
        status = (
            IntegrationStatus.ACTIVATION_PENDING
            if refusal.reason in _NOT_DEFINITE
            else IntegrationStatus.ACTIVATION_FAILED
        )
        return _End(status, refusal.reason, may_be_sent=False)

    async def _status_end(self, claim: Claim, cause: YclientsError | None = None) -> _End | None:
        """What has become of a call that may have arrived; None when it is to be made again."""
        try:
            found = await self._marketplace.connection(claim.salon_id)
        except YclientsError as error:
            if error.reason in _NOT_DEFINITE:
                return _End(IntegrationStatus.ACTIVATION_PENDING, error.reason, may_be_sent=False)
            return _silence(cause or error, may_be_sent=True)
        match found.status:
            case ConnectionStatus.ACTIVE:
                return _ACTIVE
            case ConnectionStatus.PENDING:
                return None
            case other:
                reason = f"connection_{other.value}" if other else "connection_unknown"
                return _End(IntegrationStatus.ACTIVATION_PENDING, reason, may_be_sent=True)

    def _opened(self, kept: str) -> str | None:
        """A row of the previous system has its key in plain text; the next rotation seals it.

        None for what was sealed with a key that is not there any more.
        """
        return self._vault.open(kept) if is_sealed(kept) else kept

    def _hooks(self, claim: Claim, secret: str) -> list[str]:
        """None as long as we have no public address, on a developer's machine say."""
        return [hook_url(self._public_url, claim.salon_id, secret)] if self._public_url else []

    async def _settle(
        self, claim: Claim, end: _End, *, in_doubt: bool = False, interrupted: int = 0
    ) -> Settlement:
        settlement = replace(_settlement(claim, end), in_doubt=in_doubt, interrupted=interrupted)
        if not await self._ledger.settle(claim, settlement):
            raise ClaimLostError
        return settlement


_ASKED_BEFORE: Final = frozenset({IntegrationStatus.PENDING_CALLBACK, IntegrationStatus.ACTIVATING})


def _hint(secret: str) -> str:
    """Enough to tell two secrets apart."""
    return f"{secret[:3]}***"


def _silence(error: YclientsError, *, may_be_sent: bool) -> _End:
    wanted = error.retry_after_s if isinstance(error, NotSentError) else None
    return _End(
        IntegrationStatus.ACTIVATION_PENDING,
        error.reason,
        may_be_sent=may_be_sent,
        retry_after_s=AFTER_SILENCE_S,
        at_least_s=wanted or 0.0,
    )


def _settlement(claim: Claim, end: _End) -> Settlement:
    if end.status is IntegrationStatus.ACTIVE:
        return Settlement(end.status, None, None, failures=0, may_be_sent=True)
    schedule = end.retry_after_s
    pause_s = max(end.at_least_s, schedule[min(claim.failures, len(schedule) - 1)])
    return Settlement(
        end.status,
        end.reason,
        pause_s * random.uniform(1 - JITTER, 1 + JITTER),  # noqa: S311 - jitter
        failures=claim.failures + 1,
        may_be_sent=end.may_be_sent,
    )
