"""What an operator is told of lines: counts, without any salon's name."""

import time
from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.inventory import Inventory
from tests.support.scripted_lines import ScriptedGateway, connect
from tests.support.session_stage import SALON, Stage, running_stage
from whatsapp_service.gateway.events import Heard, KeepAliveLost
from whatsapp_service.sessions.line_figures import count_lines, describe_line

HOUR_S = 3_600.0
LINES = {
    "sessions_logged_in",
    "sessions_socket_alive",
    "sessions_silent",
    "sessions_connected_longer_than",
    "sessions_last_event_older_than",
    "sessions_phone_unseen_for",
}
"""The process counts more, also of other tests."""


@pytest.fixture
async def stage(gateway: ScriptedGateway) -> AsyncIterator[Stage]:
    async with running_stage(gateway) as stage:
        yield stage


def figures(stage: Stage) -> dict[str, float]:
    inventory = Inventory()
    count_lines(inventory, [stage.session])
    text = inventory.exposition().decode()
    assert SALON not in text
    return {
        f"{sample.name} {' '.join(sample.labels.values())}".strip(): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in LINES
    }


async def test_each_fact_is_counted_apart(stage: Stage, gateway: ScriptedGateway) -> None:
    idle = figures(stage)
    assert len(idle) == 3 + 3 * 3
    assert set(idle.values()) == {0}

    client = await connect(stage, gateway)
    alive = figures(stage)
    client.deliver(KeepAliveLost())
    silent = figures(stage)

    names = ("sessions_logged_in", "sessions_socket_alive", "sessions_silent")
    assert [alive[name] for name in names] == [1, 1, 0]
    assert [silent[name] for name in names] == [1, 0, 1]


async def test_ages_are_counted_by_how_long_ago(stage: Stage, gateway: ScriptedGateway) -> None:
    client = await connect(stage, gateway)
    client.deliver(Heard(from_phone=True))
    line = stage.session.line
    line.connected_since = time.time() - 25 * HOUR_S
    line.last_event_at = time.time() - 2 * HOUR_S
    line.phone_seen_at = time.time() - 13 * 24 * HOUR_S

    told = figures(stage)

    longer = "sessions_connected_longer_than"
    assert [told[f"{longer} {each}"] for each in (300, 3600, 86400)] == [1, 1, 1]
    older = "sessions_last_event_older_than"
    assert [told[f"{older} {each}"] for each in (300, 3600, 86400)] == [1, 1, 0]
    unseen = "sessions_phone_unseen_for"
    assert [told[f"{unseen} {each}"] for each in (86400, 604800, 1036800)] == [1, 1, 1]


async def test_a_phone_that_was_never_seen_counts_since_the_connection(
    stage: Stage, gateway: ScriptedGateway
) -> None:
    await connect(stage, gateway)
    stage.session.line.connected_since = time.time() - 25 * HOUR_S

    assert figures(stage)["sessions_phone_unseen_for 86400"] == 1
    assert describe_line(stage.session.line)["phoneSeen"] is None
