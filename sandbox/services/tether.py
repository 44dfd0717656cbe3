"""Start a program that cannot outlive the process that asked for it.

Run as a plain file by an isolated interpreter, then replaced by the program (exec), so nothing
of it stays. `subprocess` could do the same in `preexec_fn`, which runs Python between fork and
exec and may deadlock when the parent has threads.

    python -I -S tether.py PARENT_PID DEATH_SIGNAL UID GID PROGRAM [ARGUMENT ...]

PROGRAM is a path: looking it up would make Python import, which it may not be allowed to any more.
UID and GID of -1 mean: stay who we are. PR_SET_PDEATHSIG is set last, because the kernel clears
it when the credentials change (prctl(2)).
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
EXIT_PARENT_GONE = 125
EXIT_NOT_STARTED = 126


def main(arguments: list[str]) -> int:
    parent_pid, death_signal, uid, gid = (int(argument) for argument in arguments[:4])
    program = arguments[4:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent_pid:
        return EXIT_PARENT_GONE
    try:
        os.execv(program[0], program)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror}\n")
        return EXIT_NOT_STARTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
