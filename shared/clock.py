"""Wall-clock time in the unit of the wire: integer milliseconds since the epoch."""

import time
from typing import NewType

Milliseconds = NewType("Milliseconds", int)


def now_ms() -> Milliseconds:
    return Milliseconds(time.time_ns() // 1_000_000)
