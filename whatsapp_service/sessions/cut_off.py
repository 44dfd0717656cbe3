"""A process that alone cannot reach Redis: nobody reaches its salons, others could have them."""

from typing import Final

import structlog
from prometheus_client import Counter

from whatsapp_service.owners.lease import Peers

_log = structlog.get_logger(__name__)
_cut_offs = Counter("cut_offs_total", "Times that this process alone could not reach Redis")

CUT_OFF_S: Final = 30.0
"""A restart of Redis, or of what leads to it, is over by then."""


class CutOff:
    """It hands over and goes on, rather than end and begin anew at the end of the same cut wire.

    Nothing is to be undone: when it reaches Redis again it is given its share like any other.
    """

    def __init__(self) -> None:
        self._noted = False

    def must_hand_over(self, peers: Peers) -> bool:
        """To be asked at each look."""
        before, self._noted = self._noted, peers.cut_off_s > CUT_OFF_S
        if self._noted and not before:
            _cut_offs.inc()
            _log.error(
                "cut_off_from_redis",
                silent_s=round(peers.cut_off_s),
                sessions=peers.me.sessions,
                heirs=len(peers.heirs),
            )
        elif before and not self._noted:
            _log.info("no_longer_cut_off_from_redis")
        return self._noted
