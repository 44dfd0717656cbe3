"""Which processes run on this machine: a pid that is gone is a process that is dead."""

import hashlib
import os
from pathlib import Path
from typing import Final

UNKNOWN: Final = 0
_START_TIME: Final = 19
"""Field 22 of /proc/PID/stat, counted from the one after the name (proc(5))."""
_ENDED: Final = frozenset({"Z", "X"})


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
    state, started = _stat(pid)
    return UNKNOWN if state in _ENDED else started


def gone(pid: int, born_at: int) -> bool:
    """Certain: the process with that pid, given at that time, has ended.

    /proc may be mounted so that it hides the processes of other users (`hidepid`, ProtectProc= of
    systemd): what cannot be read there is gone only if the kernel knows no such pid.
    """
    state, started = _stat(pid)
    if state:
        return state in _ENDED or started != born_at
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _stat(pid: int) -> tuple[str, int]:
    """Its state and its birth; no state: it cannot be read."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return "", UNKNOWN
    state, *fields = stat.rpartition(")")[2].split()
    return state, int(fields[_START_TIME - 1])
