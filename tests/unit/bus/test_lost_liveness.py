"""What is still true of a session's liveness when its owner has ended."""

from shared.bus.snapshots import without_owner
from shared.company_id import SessionId
from shared.messages.liveness import Liveness
from shared.messages.snapshot import Snapshot
from shared.messages.status import SessionStatus

ALIVE = Liveness(
    logged_in=True,
    socket_alive=True,
    last_event_at=1_764_936_000_000,
    connected_since=1_764_935_000_000,
    phone_seen=1_764_900_000_000,
)


def test_nobody_is_logged_in_for_a_salon_whose_process_has_ended() -> None:
    snapshot = Snapshot(
        company_id=SessionId("company_1001"),
        status=SessionStatus.CONNECTED,
        connected=True,
        phone_number="79990000001",
        **ALIVE.facts(),
    )

    told = without_owner(snapshot)

    assert (told.logged_in, told.socket_alive, told.connected_since) == (False, False, None)
    assert (told.last_event_at, told.phone_seen) == (ALIVE.last_event_at, ALIVE.phone_seen)


def test_a_snapshot_of_the_former_contract_claims_no_life() -> None:
    old = {"companyId": "company_1001", "status": "connected", "connected": "true"}

    told = Snapshot.from_hash(old)

    assert told is not None
    assert told.facts() == Liveness().facts()
