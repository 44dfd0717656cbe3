"""A salon's connection goes only the ways that YClients knows."""

from collections.abc import Callable
from typing import Final

import pytest

from sandbox.yclients.connections import Connection, Connections, Salon, Source, Status
from tests.support.clock import Clock

PAYMENT: Final = {
    "payment_sum": 990,
    "currency_iso": "RUB",
    "payment_date": "2026-03-01 10:00:00",
    "period_from": "2026-03-01 10:00:00",
    "period_to": "2026-04-01 10:00:00",
}

Act = Callable[[Connections, Connection], object]
ACTS: Final[dict[str, Act]] = {
    "connect": lambda all_, one: all_.connect(one),
    "activate": lambda all_, one: all_.activate(one, "key", []),
    "freeze": lambda all_, one: all_.freeze(one),
    "pay": lambda all_, one: all_.pay(one, dict(PAYMENT), Source.PARTNER),
    "uninstall": lambda all_, one: all_.uninstall(one, Source.OWNER),
    "expire": lambda all_, one: all_.expire_pending(one),
}


@pytest.fixture
def connections(clock: Clock) -> Connections:
    return Connections(clock_s=clock)


@pytest.fixture
def salon(connections: Connections) -> Connection:
    return connections.add(Salon(salon_id=1001))


@pytest.mark.parametrize(
    ("acts", "history"),
    [
        (["connect"], ["pending"]),
        (["connect", "connect"], ["pending"]),
        (["connect", "activate"], ["pending", "active"]),
        (["connect", "activate", "connect"], ["pending", "active"]),
        (["connect", "activate", "freeze", "freeze"], ["pending", "active", "freezed"]),
        (["connect", "activate", "freeze", "connect"], ["pending", "active", "freezed"]),
        (["connect", "activate", "freeze", "pay"], ["pending", "active", "freezed", "active"]),
        (["connect", "activate", "pay"], ["pending", "active"]),
        (["connect", "uninstall", "uninstall"], ["pending", "uninstalled"]),
        (
            ["connect", "activate", "freeze", "uninstall", "pay"],
            ["pending", "active", "freezed", "uninstalled"],
        ),
        (["connect", "uninstall", "connect"], ["pending", "uninstalled", "pending"]),
        (["connect", "expire"], ["pending", "uninstalled"]),
        (["connect", "activate", "expire"], ["pending", "active"]),
        (["freeze", "pay", "uninstall", "expire"], []),
    ],
)
def test_ways_of_a_connection(
    connections: Connections, salon: Connection, acts: list[str], history: list[str]
) -> None:
    for act in acts:
        ACTS[act](connections, salon)

    assert [change.status_to for change in salon.changes] == history
    assert salon.status == (history[-1] if history else Status.UNINSTALLED)


def test_changes_follow_each_other(connections: Connections, salon: Connection) -> None:
    for act in ("connect", "activate", "freeze", "pay", "uninstall"):
        ACTS[act](connections, salon)

    befores = [change.status_from for change in salon.changes]
    assert befores == [Status.UNINSTALLED, *(change.status_to for change in salon.changes[:-1])]
    assert [change.source for change in salon.changes] == [
        Source.OWNER,
        Source.PARTNER,
        Source.SYSTEM,
        Source.PARTNER,
        Source.OWNER,
    ]


def test_pending_ends_by_itself_and_begins_anew(
    connections: Connections, salon: Connection, clock: Clock
) -> None:
    connections.pending_lifetime_s = 60
    connections.connect(salon)
    clock.now_s += 59
    connections.connect(salon)
    clock.now_s += 59
    assert connections.find(1001) is salon
    assert salon.status is Status.PENDING
    clock.now_s += 1
    assert [each.status for each in connections.all()] == [Status.UNINSTALLED]


def test_a_new_connection_knows_nothing_of_the_old_keys(
    connections: Connections, salon: Connection
) -> None:
    connections.connect(salon)
    connections.activate(salon, "key", ["https://svc.example/hook/secret"])
    connections.uninstall(salon, Source.OWNER)
    connections.connect(salon)

    assert (salon.api_key, salon.webhook_urls) == (None, [])


def test_what_was_kept_is_there_again(connections: Connections, salon: Connection) -> None:
    connections.connect(salon)
    connections.activate(salon, "key", [])
    paid = connections.pay(salon, dict(PAYMENT), Source.PARTNER)

    again = Connections()
    again.load(connections.dump())

    assert again.find(1001) == salon
    other = again.add(Salon(salon_id=1002))
    assert again.pay(other, dict(PAYMENT), Source.OWNER).id == paid.id + 1
    assert [again.position(salon_id) for salon_id in (1001, 1002)] == [0, 1]
