"""Whose attempt an attempt is, when Postgres is slow to tell."""

import asyncio
from base64 import b64encode

from shared.company_id import SessionId
from tests.support.session_stage import Rows
from tests.support.waiting import wait_until
from whatsapp_service.sessions.half_links import HalfLinks
from whatsapp_service.store.link_attempts import RecordedAttempt, StoredKey

SALON, OTHER_SALON = SessionId("company_1001"), SessionId("company_1002")
OLD, NEW = b"o" * 32, b"n" * 32


class Attempts(Rows):
    """Rows of link attempts; whoever reads them waits until they may be told."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts = [RecordedAttempt(OLD, SALON)]
        self.may_tell = asyncio.Event()
        self.asked = False

    async def record_attempt(self, identity: bytes, session_id: SessionId) -> None:
        self.attempts.append(RecordedAttempt(identity, session_id))

    async def recorded_attempts(self, min_age_s: float) -> list[RecordedAttempt]:
        self.asked = True
        await self.may_tell.wait()
        return [] if min_age_s else list(self.attempts)

    async def erase_attempts(self, identities: list[bytes]) -> None:
        self.attempts = [kept for kept in self.attempts if kept.identity not in identities]

    async def owned_jids(self) -> set[str]:
        return set()

    async def stored_keys(self) -> list[StoredKey]:
        return []


def qr_text(identity: bytes) -> str:
    return f"2@ref,bm9pc2U=,{b64encode(identity).decode()},YQ==,1"


async def test_an_attempt_of_this_life_is_not_taken_for_one_left_behind() -> None:
    rows = Attempts()
    half_links = HalfLinks(rows)
    looking_back = asyncio.create_task(half_links.claim_left_behind())
    await wait_until(lambda: rows.asked)
    await half_links.record(OTHER_SALON, qr_text(NEW))

    rows.may_tell.set()

    assert await asyncio.wait_for(looking_back, 5) == []
    assert await half_links.claim_left_behind() == []
    assert [kept.identity for kept in rows.attempts] == [NEW]
