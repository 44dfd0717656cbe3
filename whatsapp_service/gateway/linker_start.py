"""``python -m whatsapp_service.gateway.linker_start FD PARENT``: how a linker process begins.

Tied to the life of the process ``PARENT`` before anything that takes time is imported.
"""

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def die_with(parent: int) -> None:
    """The kernel ends this process when its parent is gone, even when it hangs in Go.

    Ends it here when the parent was gone before: another has adopted us then.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    die_with(int(sys.argv[2]))
    from whatsapp_service.gateway.linker_child import main

    main(int(sys.argv[1]))
