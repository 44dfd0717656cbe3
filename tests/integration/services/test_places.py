"""Folders for servers: open to the server's account, and gone with the run that made them."""

import os
import stat

from sandbox.services.account import can_enter, unprivileged
from tests.support.places import PREFIX, open_folder

NO_SUCH_PID = 2**22 + 1


def test_the_servers_account_may_enter_and_nothing_stays() -> None:
    with open_folder("place") as folder:
        assert can_enter(unprivileged(), folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert not folder.exists()


def test_what_a_killed_run_left_is_removed_and_what_runs_is_spared() -> None:
    with open_folder("place") as spared:
        # Complete from the first moment: whoever else opens a folder now removes it, too.
        (spared / "orphan" / "data").mkdir(parents=True)
        orphan = spared.with_name(f"{PREFIX}{NO_SUCH_PID}-place-{os.getpid()}")
        (spared / "orphan").rename(orphan)
        with open_folder("place"):
            assert not orphan.exists()
            assert spared.exists()
