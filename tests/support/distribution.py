"""Which worker runs which file of tests, and when, so that none is left alone at the end.

Files are in the order of how long they may take: rooms first, then the sum of their tests' time
limits. The first worker, and every second one after it, begins with the longest, which mostly
wait; the others begin with the shortest, which compute. They meet in the middle.
"""

from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
from xdist.scheduler import LoadFileScheduling

TESTS: Final = Path(__file__).parents[1]
ROOMS: Final = ("acceptance", "browser", "integration", "contract", "unit")


class FromBothEnds(LoadFileScheduling):  # type: ignore[misc]  # the library says Any of its class
    def _assign_work_unit(self, node: Any) -> None:
        if list(self.assigned_work).index(node) % 2:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FromBothEnds | None:
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return FromBothEnds(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """After they were shuffled; a file's tests stay together, in their random order."""
    if hasattr(config, "workerinput"):
        limits = Counter[Path]()
        for item in items:
            limits[item.path] += _limit_s(item)
        items.sort(key=lambda item: (_room(item.path), -limits[item.path], item.path))


def _room(path: Path) -> int:
    return ROOMS.index(path.relative_to(TESTS).parts[0])


def _limit_s(item: pytest.Item) -> int:
    marker = item.get_closest_marker("timeout")
    return int(marker.args[0] if marker else item.config.getini("timeout"))
