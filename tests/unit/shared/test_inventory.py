"""What a process holds, as Prometheus reads it."""

import asyncio

from shared.inventory import Inventory


async def test_counts_tasks_threads_and_children_of_this_process() -> None:
    inventory = Inventory()
    before = _read(inventory)
    task = asyncio.create_task(asyncio.sleep(60))
    child = await asyncio.create_subprocess_exec("sleep", "60")

    held = _read(inventory)

    assert held["asyncio_tasks"] == before["asyncio_tasks"] + 1
    assert held["process_children"] == before["process_children"] + 1
    assert held["process_threads"] >= 1
    child.kill()
    await child.wait()
    task.cancel()


async def test_a_gauge_without_a_reading_is_left_out() -> None:
    inventory = Inventory()
    inventory.add("unknowable", "Nobody can tell", lambda: None)
    inventory.add_each("rooms", "By their colour", "colour", lambda: {"red": 2, "blue": 0})

    held = _read(inventory)

    assert "unknowable" not in held
    assert (held['rooms{colour="red"}'], held['rooms{colour="blue"}']) == (2, 0)


async def test_two_applications_in_one_process_do_not_mix() -> None:
    one, other = Inventory(), Inventory()
    one.add("pages", "Open", lambda: 1)
    other.add("pages", "Open", lambda: 2)

    assert (_read(one)["pages"], _read(other)["pages"]) == (1, 2)


def _read(inventory: Inventory) -> dict[str, float]:
    lines = inventory.exposition().decode().splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if line and line[0] != "#"}
