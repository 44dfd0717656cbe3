"""What the sessions ask of Postgres, each call with its own connection and retries."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from shared.company_id import SessionId
from shared.db import Connection, DatabaseError, Pool, within
from whatsapp_service.store import link_attempts, proxies, sessions, sightings
from whatsapp_service.store.link_attempts import RecordedAttempt, StoredKey
from whatsapp_service.store.proxies import StoredRoute
from whatsapp_service.store.sessions import StoredSession, Tenure
from whatsapp_service.store.sightings import Sightings

T = TypeVar("T")

ATTEMPTS: Final = 4
DEADLINE_S: Final = 4.0


class Directory:
    """Every method may raise StoreUnavailableError, after 4 s of trying at most.

    What takes a tenure is for the session's owner alone, and may raise FencedError.
    """

    def __init__(self, database: Pool, credentials: Pool) -> None:
        self._database = database
        self._credentials = credentials

    async def save_device(self, tenure: Tenure, jid: str, phone: str) -> None:
        await self._ask(lambda it: sessions.save_device(it, tenure, jid, phone))

    async def give_device(self, session_id: SessionId, jid: str, phone: str) -> None:
        await self._ask(lambda it: sessions.give_device(it, session_id, jid, phone))

    async def mark_connected(self, tenure: Tenure, jid: str, phone: str) -> None:
        await self._ask(lambda it: sessions.mark_connected(it, tenure, jid, phone))

    async def forget_device(self, tenure: Tenure, state: str, reason: str) -> None:
        await self._ask(lambda it: sessions.forget_device(it, tenure, state, reason))

    async def mark_ended(
        self, tenure: Tenure, state: str, reason: str, retry_in_s: float | None
    ) -> None:
        await self._ask(lambda it: sessions.mark_ended(it, tenure, state, reason, retry_in_s))

    async def delete_credentials(self, jid: str) -> None:
        await self._ask(lambda it: sessions.delete_credentials(it, jid), pool=self._credentials)

    async def set_frozen(self, tenure: Tenure, *, frozen: bool) -> None:
        await self._ask(lambda it: sessions.set_frozen(it, tenure, frozen=frozen))

    async def confirm(self, tenure: Tenure) -> None:
        await self._ask(lambda it: sessions.confirm(it, tenure))

    async def find_session(self, session_id: SessionId) -> StoredSession | None:
        return await self._ask(lambda it: sessions.find_session(it, session_id))

    async def credentials_exist(self, jid: str) -> bool:
        return await self._ask(
            lambda it: sessions.credentials_exist(it, jid), pool=self._credentials
        )

    async def record_attempt(self, identity: bytes, session_id: SessionId, process_id: str) -> None:
        await self._ask(lambda it: link_attempts.record(it, identity, session_id, process_id))

    async def attempts_left_behind(self, over_s: float) -> list[RecordedAttempt]:
        return await self._ask(lambda it: link_attempts.left_behind(it, over_s))

    async def leave_attempt(self, identity: bytes) -> None:
        await self._ask(lambda it: link_attempts.leave(it, identity))

    async def erase_attempts(self, identities: list[bytes]) -> None:
        await self._ask(lambda it: link_attempts.erase(it, identities))

    async def owned_jids(self) -> set[str]:
        return await self._ask(link_attempts.owned_jids)

    async def stored_keys(self) -> list[StoredKey]:
        return await self._ask(link_attempts.stored_keys, pool=self._credentials)

    async def find_route(self, session_id: SessionId) -> StoredRoute | None:
        return await self._ask(lambda it: proxies.find_route(it, session_id))

    async def all_routes(self) -> list[StoredRoute]:
        return await self._ask(proxies.all_routes)

    async def keep_sightings(self, seen: Sightings) -> None:
        await self._ask(lambda it: sightings.keep(it, seen))

    async def _ask(
        self, query: Callable[[Connection], Awaitable[T]], pool: Pool | None = None
    ) -> T:
        return await ask(pool or self._database, query)


async def ask(pool: Pool, query: Callable[[Connection], Awaitable[T]]) -> T:
    """Raises StoreUnavailableError."""
    try:
        return await within(DEADLINE_S, _try(query, pool))
    except (DatabaseError, TimeoutError) as error:
        raise StoreUnavailableError(type(error).__name__) from error


async def _try(query: Callable[[Connection], Awaitable[T]], pool: Pool) -> T:
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(DatabaseError),
        wait=wait_exponential(multiplier=0.2, max=1),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    ):
        with attempt:
            async with pool.connection(timeout=DEADLINE_S) as connection:
                return await query(connection)
    raise AssertionError("unreachable: the last attempt returns or raises")


class StoreUnavailableError(Exception):
    """Postgres did not answer, tried several times."""
