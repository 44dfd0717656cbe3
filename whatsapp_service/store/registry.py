"""What a process asks of Postgres about processes, and about who owns which session."""

from collections.abc import Sequence

from shared.company_id import SessionId
from shared.db import Pool
from whatsapp_service.store import processes
from whatsapp_service.store.directory import ask
from whatsapp_service.store.processes import Town
from whatsapp_service.store.sessions import Tenure


class Registry:
    """Every method may raise StoreUnavailableError, after 4 s of trying at most.

    ``leases`` is a pool for the renewals alone: they must not queue behind sessions.
    """

    def __init__(self, database: Pool, leases: Pool) -> None:
        self._database = database
        self._leases = leases

    async def register(self, process_id: str, machine: str, pid: int, born: int) -> None:
        await ask(self._leases, lambda it: processes.register(it, process_id, machine, pid, born))

    async def renew(self, process_id: str, *, reaches_redis: bool | None = None) -> bool:
        return await ask(
            self._leases, lambda it: processes.renew(it, process_id, reaches_redis=reaches_redis)
        )

    async def look_around(self) -> Town:
        return await ask(self._leases, processes.look_around)

    async def bury(self, process_id: str, silent_s: float) -> bool:
        return await ask(self._leases, lambda it: processes.bury(it, process_id, silent_s))

    async def leave(self, process_id: str) -> None:
        await ask(self._leases, lambda it: processes.leave(it, process_id))

    async def place(
        self, session_id: SessionId, taker: str, suspects: Sequence[str], lease_s: float
    ) -> Tenure | None:
        return await ask(
            self._database,
            lambda it: processes.place(it, session_id, taker, suspects, lease_s),
        )

    async def take(self, session_id: SessionId, process_id: str) -> Tenure | None:
        return await ask(self._database, lambda it: processes.take(it, session_id, process_id))

    async def claim(self, process_id: str, limit: int) -> list[Tenure]:
        return await ask(self._database, lambda it: processes.claim(it, process_id, limit))

    async def hand_over(self, tenure: Tenure, heir: str) -> bool:
        return await ask(self._database, lambda it: processes.hand_over(it, tenure, heir))

    async def release(self, tenure: Tenure) -> None:
        await ask(self._database, lambda it: processes.release(it, tenure))

    async def set_draining(self, process_id: str) -> None:
        await ask(self._leases, lambda it: processes.set_draining(it, process_id, draining=True))

    async def retire(self, process_id: str, lease_s: float) -> bool:
        return await ask(self._database, lambda it: processes.retire(it, process_id, lease_s))

    async def owned(self, process_id: str) -> list[Tenure]:
        return await ask(self._database, lambda it: processes.owned(it, process_id))

    async def linked_or_frozen(self) -> set[SessionId]:
        return await ask(self._database, processes.linked_or_frozen)
