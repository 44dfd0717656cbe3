"""When a process goes: how much it may leave behind, and who must be there."""

from dataclasses import replace

import pytest

from whatsapp_service.owners.lease import Peers
from whatsapp_service.sessions.retirement import Turn, choose_limit, turn_of
from whatsapp_service.store.processes import Process

LIMIT = 100
MOST = 2 * LIMIT
ME = Process("me", "machine", 1, 1, draining=False, sessions=5, silent_s=0.0)
HEIR = replace(ME, process_id="heir")
ALONE = Peers(me=ME, heirs=(), suspects=(), known=frozenset({"me"}), sessions=5, free=0)
BESIDE_AN_HEIR = replace(ALONE, heirs=(HEIR,))


def turn(left_behind: int, peers: Peers, *, heard: bool = True) -> Turn:
    return turn_of(left_behind, LIMIT, peers, heard=heard)


@pytest.mark.parametrize("peers", [ALONE, BESIDE_AN_HEIR])
def test_nobody_goes_who_has_left_little_behind(peers: Peers) -> None:
    assert turn(LIMIT - 1, peers) is Turn.LATER


def test_at_the_limit_it_goes_if_others_take_its_salons_at_once() -> None:
    assert turn(LIMIT, BESIDE_AN_HEIR) is Turn.IF_GRANTED
    assert turn(LIMIT, BESIDE_AN_HEIR, heard=False) is Turn.LATER


def test_without_an_heir_it_goes_on_until_it_must_end() -> None:
    assert turn(MOST - 1, ALONE) is Turn.LATER
    assert turn(MOST, ALONE, heard=False) is Turn.NOW


def test_one_that_an_operator_has_emptied_stays_as_he_left_it() -> None:
    assert turn(MOST, replace(BESIDE_AN_HEIR, me=replace(ME, draining=True))) is Turn.LATER


@pytest.mark.parametrize(
    ("clients", "descriptors", "most"),
    [(1_000, 524_288, 1_000), (1_000, None, 1_000), (1_000, 1_024, 128), (1_000, 4, 1)],
)
def test_what_is_left_behind_has_a_bound_and_takes_few_of_the_descriptors(
    clients: int, descriptors: int | None, most: int
) -> None:
    assert choose_limit(clients, descriptors, chance=lambda: 0.0) == most


def test_processes_of_one_age_do_not_go_together() -> None:
    limits = {choose_limit(1_000, None) for _ in range(100)}
    assert min(limits) >= 800
    assert max(limits) - min(limits) > 50
