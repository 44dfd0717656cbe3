"""Which processes run on this machine: a pid that is gone is a process that is dead."""

import hashlib
from pathlib import Path
from typing import Final

UNKNOWN: Final = 0
_START_TIME: Final = 19
"""Field 22 of /proc/PID/stat, counted from the one after the name (proc(5))."""


def this_machine() -> str:
    """The same for processes that see each other's pids, and for no others.

    Boot and pid namespace: a container has its own. Empty where there is no /proc, as on macOS:
    nothing is known of another process then, and only its lease counts.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {namespace}".encode()).hexdigest()[:16]


def born(pid: int) -> int:
    """When the pid was given, in clock ticks since the machine has started. 0: there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return UNKNOWN
    state, *fields = stat.rpartition(")")[2].split()
    return UNKNOWN if state in {"Z", "X"} else int(fields[_START_TIME - 1])
