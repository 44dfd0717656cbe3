"""One attempt to activate: what YClients answers, and how the salon stands afterwards."""

from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest
from pydantic import SecretStr

from api_service.core.activation import Activation, fresh_secrets
from api_service.core.claims import ClaimLostError
from api_service.core.vault import Vault
from api_service.store.activations import Claim, FreshSecrets, IntegrationStatus, Settlement
from api_service.yclients.errors import (
    AmbiguousError,
    NotSentError,
    RefusedError,
)
from shared.company_id import CompanyId, SalonId
from tests.support.answering_yclients import AnsweringYclients

VAULT = Vault([SecretStr("test-encryption-key-0123456789-abcdefg")])
ACTIVE, PENDING = IntegrationStatus.ACTIVE, IntegrationStatus.ACTIVATION_PENDING
FAILED = IntegrationStatus.ACTIVATION_FAILED


@dataclass
class RememberingLedger:
    """``lost``: the claim is lost from this step on."""

    mode: str = "remembering"
    steps: list[str] = field(default_factory=list)
    settled: Settlement | None = None
    lost: str | None = None

    async def claim(self, salon_id: SalonId, fresh: FreshSecrets) -> Claim | None:
        raise NotImplementedError(salon_id, fresh)

    async def renew(self, claim: Claim) -> bool:
        raise NotImplementedError(claim)

    async def mark_sent(self, claim: Claim) -> bool:
        assert claim is not None
        return self._step("mark_sent")

    async def settle(self, claim: Claim, settlement: Settlement) -> bool:
        assert claim is not None
        self.settled = settlement
        return self._step("settle")

    def _step(self, name: str) -> bool:
        self.steps.append(name)
        return name != self.lost


FIRST = Claim(
    id=uuid4(),
    salon_id=SalonId(1001),
    company_id=CompanyId(1),
    status_before=IntegrationStatus.PENDING_WHATSAPP,
    failures=0,
    sent=False,
    api_key=VAULT.seal("the key"),
    webhook_secret=VAULT.seal("the secret"),
    installation=1,
)
SENT = replace(FIRST, sent=True)


def _held() -> bool:
    return True


def activation(ledger: RememberingLedger, yclients: AnsweringYclients) -> Activation:
    return Activation(ledger, yclients, VAULT, "https://connect.example.com", (0.0, 0.0, 0.0))


async def settle(yclients: AnsweringYclients, claim: Claim = FIRST) -> Settlement:
    ledger = RememberingLedger()
    settlement = await activation(ledger, yclients).carry_out(claim, _held)
    assert ledger.settled == settlement
    return settlement


async def test_an_accepted_call_is_a_success_when_the_status_says_so() -> None:
    yclients = AnsweringYclients(statuses=["pending", AmbiguousError("timeout"), "active"])

    settlement = await settle(yclients)

    assert (settlement.status, settlement.retry_in_s) == (ACTIVE, None)
    assert (len(yclients.activated), yclients.asked) == (1, 3)


async def test_the_claims_secrets_are_sent_once_it_is_marked() -> None:
    ledger, yclients = RememberingLedger(), AnsweringYclients()

    await activation(ledger, yclients).carry_out(FIRST, _held)

    assert ledger.steps == ["mark_sent", "settle"]
    hook = "https://connect.example.com/webhook/yclients/hook/1001/the secret"
    assert yclients.activated == [("the key", (hook,))]


def test_fresh_secrets_are_sealed_long_and_never_the_same() -> None:
    first, second = fresh_secrets(VAULT), fresh_secrets(VAULT)

    opened = [VAULT.open(each) for each in (first.api_key, first.webhook_secret, second.api_key)]
    assert len(set(opened)) == 3
    assert all(each and len(each) >= 32 for each in opened)


async def test_a_secret_that_does_not_open_is_made_anew() -> None:
    foreign = Vault([SecretStr("another-key-0123456789-abcdefghijkl")]).seal("the key")
    yclients = AnsweringYclients()

    settlement = await settle(yclients, replace(FIRST, api_key=foreign))

    assert yclients.activated == []
    assert (settlement.status, settlement.reason) == (FAILED, "key_lost")
    assert not settlement.may_be_sent


async def test_a_call_that_may_have_arrived_is_asked_for_before_it_is_repeated() -> None:
    done = AnsweringYclients(statuses=["active"])
    not_done = AnsweringYclients(statuses=["pending", "active"])

    assert (await settle(done, SENT)).status is ACTIVE
    assert done.activated == []
    assert (await settle(not_done, SENT)).status is ACTIVE
    [(api_key, hooks)] = not_done.activated
    assert api_key == "the key"
    assert hooks[0].endswith("/the secret")


@pytest.mark.parametrize("reason", ["timeout", "server_error", "connection_lost", "unreadable"])
async def test_an_ambiguous_end_is_cleared_up_by_the_status(reason: str) -> None:
    arrived = AnsweringYclients(calls=[AmbiguousError(reason)])
    not_arrived = AnsweringYclients(
        calls=[AmbiguousError(reason), None], statuses=["pending", "active"]
    )

    assert (await settle(arrived)).status is ACTIVE
    assert len(arrived.activated) == 1
    assert (await settle(not_arrived)).status is ACTIVE
    assert len(not_arrived.activated) == 2
    assert len(set(not_arrived.activated)) == 1


async def test_what_stays_unclear_keeps_the_key_and_is_tried_soon() -> None:
    silent = AnsweringYclients(
        calls=[AmbiguousError("timeout")], statuses=[AmbiguousError("server_error")]
    )

    settlement = await settle(silent)

    assert (settlement.status, settlement.reason) == (PENDING, "timeout")
    assert settlement.may_be_sent
    assert 13 < (settlement.retry_in_s or 0) < 17


async def test_a_call_is_made_at_most_twice_in_one_attempt() -> None:
    stuck = AnsweringYclients(calls=[AmbiguousError("timeout")], statuses=["pending"])

    settlement = await settle(stuck)

    assert len(stuck.activated) == 2
    assert (settlement.status, settlement.reason) == (PENDING, "not_confirmed")
    assert settlement.may_be_sent


async def test_already_installed_is_a_success_only_when_active() -> None:
    refusal = RefusedError("already_installed", status=403)
    installed = AnsweringYclients(calls=[refusal])
    not_yet = AnsweringYclients(calls=[refusal], statuses=["pending"])

    assert (await settle(installed)).status is ACTIVE
    settlement = await settle(not_yet)
    assert (settlement.status, settlement.reason) == (PENDING, "not_confirmed")


@pytest.mark.parametrize("reason", ["application_unknown", "not_installed"])
async def test_what_yclients_does_not_know_yet_is_pending_without_a_key(reason: str) -> None:
    settlement = await settle(AnsweringYclients(calls=[RefusedError(reason)]))

    assert (settlement.status, settlement.reason) == (PENDING, reason)
    assert not settlement.may_be_sent
    assert 50 < (settlement.retry_in_s or 0) < 70


@pytest.mark.parametrize("reason", ["unauthorized", "forbidden", "invalid", "refused"])
async def test_a_definite_failure_keeps_no_key(reason: str) -> None:
    yclients = AnsweringYclients(calls=[RefusedError(reason)])

    settlement = await settle(yclients)

    assert (settlement.status, settlement.reason) == (FAILED, reason)
    assert not settlement.may_be_sent
    assert yclients.asked == 0


@pytest.mark.parametrize(
    ("failures", "pause_s"), [(0, 60), (1, 300), (2, 900), (3, 3600), (4, 86_400), (50, 86_400)]
)
async def test_failures_are_tried_again_after_growing_pauses(failures: int, pause_s: int) -> None:
    claim = replace(FIRST, failures=failures)

    settlement = await settle(AnsweringYclients(calls=[RefusedError("invalid")]), claim)

    assert settlement.failures == failures + 1
    assert pause_s * 0.9 <= (settlement.retry_in_s or 0) <= pause_s * 1.1


async def test_what_was_not_sent_leaves_nothing_behind_and_waits_as_long_as_asked() -> None:
    busy = AnsweringYclients(calls=[NotSentError("breaker_open", retry_after_s=60)])

    settlement = await settle(busy)

    assert (settlement.status, settlement.reason) == (PENDING, "breaker_open")
    assert not settlement.may_be_sent
    assert (settlement.retry_in_s or 0) >= 54


async def test_what_was_sent_before_stays_so_when_yclients_cannot_be_asked() -> None:
    away = AnsweringYclients(statuses=[NotSentError("unreachable")])

    settlement = await settle(away, SENT)

    assert away.activated == []
    assert (settlement.status, settlement.reason) == (PENDING, "unreachable")
    assert settlement.may_be_sent


async def test_an_application_that_is_gone_ends_an_unclear_attempt() -> None:
    gone = AnsweringYclients(statuses=[RefusedError("not_installed", status=404)])

    settlement = await settle(gone, SENT)

    assert gone.activated == []
    assert (settlement.status, settlement.may_be_sent) == (PENDING, False)


@pytest.mark.parametrize(("status", "reason"), [("freezed", "freezed"), ("new", "unknown")])
async def test_another_status_is_told_by_its_name(status: str, reason: str) -> None:
    settlement = await settle(AnsweringYclients(statuses=[status]), SENT)

    assert (settlement.status, settlement.reason) == (PENDING, f"connection_{reason}")


@pytest.mark.parametrize("step", ["mark_sent", "settle"])
async def test_a_lost_claim_ends_the_attempt(step: str) -> None:
    ledger, yclients = RememberingLedger(lost=step), AnsweringYclients()

    with pytest.raises(ClaimLostError):
        await activation(ledger, yclients).carry_out(FIRST, _held)

    assert ledger.steps[-1] == step
    assert bool(yclients.activated) == (step == "settle")


async def test_a_key_of_the_previous_system_is_used_as_it_is() -> None:
    yclients = AnsweringYclients(statuses=["pending", "active"])

    await settle(yclients, replace(SENT, api_key="plain-key-of-before"))

    assert yclients.activated[0][0] == "plain-key-of-before"


async def test_what_is_left_to_an_operator_is_kept_and_not_sent() -> None:
    ledger, yclients = RememberingLedger(), AnsweringYclients(statuses=["pending"])

    settlement = await activation(ledger, yclients).leave_to_operator(FIRST)

    assert yclients.activated == []
    assert settlement.status is IntegrationStatus.PENDING_CALLBACK
    assert settlement.may_be_sent


async def test_what_an_operator_has_sent_is_noticed() -> None:
    left = replace(SENT, sent=False, status_before=IntegrationStatus.PENDING_CALLBACK)

    settlement = await activation(RememberingLedger(), AnsweringYclients()).leave_to_operator(left)

    assert settlement.status is ACTIVE
