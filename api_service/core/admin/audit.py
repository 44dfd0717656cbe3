"""The record of every change that operators make.

What changes our own tables is recorded in the same transaction. What changes something elsewhere is
recorded as attempted before, and finished after: a process that dies in between leaves a trace.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from api_service.store.admin_audit import (
    Actor,
    AuditFilter,
    AuditRecord,
    Deed,
    Outcome,
    add_audit_record,
    audit_records,
    finish_audit_record,
)
from api_service.yclients.errors import AmbiguousError, NotSentError, RefusedError, YclientsError
from shared.db import Connection, DatabaseError, Pool

_log = structlog.get_logger(__name__)

_OUTCOMES: Final[dict[type[YclientsError], Outcome]] = {
    RefusedError: Outcome.REFUSED,
    NotSentError: Outcome.FAILED,
    AmbiguousError: Outcome.UNKNOWN,
}


@dataclass
class Attempt:
    """``detail``: what is to be added to the record, such as YClients' id of a payment."""

    id: int
    detail: dict[str, Any] = field(default_factory=dict)


class Audit:
    """Nothing is changed that could not be recorded: every method may raise DatabaseError."""

    def __init__(self, database: Pool) -> None:
        self._database = database

    async def note(self, connection: Connection, actor: Actor, deed: Deed) -> None:
        """Done, in the transaction of the change itself."""
        await add_audit_record(connection, actor, deed, Outcome.DONE)
        _told(actor, deed, Outcome.DONE)

    @contextlib.asynccontextmanager
    async def attempt(self, actor: Actor, deed: Deed) -> AsyncIterator[Attempt]:
        """Around a change elsewhere. How the block ends is how the record ends.

        A cancelled one stays attempted: nobody knows what became of it.
        """
        async with self._database.connection() as connection:
            attempt = Attempt(await add_audit_record(connection, actor, deed, Outcome.ATTEMPTED))
        outcome = Outcome.DONE
        try:
            yield attempt
        except YclientsError as error:
            outcome = _OUTCOMES.get(type(error), Outcome.UNKNOWN)
            attempt.detail["reason"] = error.reason
            raise
        except Exception as error:
            outcome = Outcome.UNKNOWN
            attempt.detail["reason"] = type(error).__name__
            raise
        except BaseException:
            outcome = Outcome.ATTEMPTED
            raise
        finally:
            if outcome is not Outcome.ATTEMPTED:
                await self._finish(attempt, outcome)
                _told(actor, deed, outcome)

    async def _finish(self, attempt: Attempt, outcome: Outcome) -> None:
        """It has happened: that the record is not finished must not hide how it ended."""
        try:
            async with self._database.connection() as connection:
                await finish_audit_record(connection, attempt.id, outcome, attempt.detail)
        except (DatabaseError, TimeoutError) as error:
            _log.error("audit_not_finished", record=attempt.id, error=type(error).__name__)

    async def records(self, wanted: AuditFilter, count: int) -> list[AuditRecord]:
        async with self._database.connection() as connection:
            return await audit_records(connection, wanted, count)


def _told(actor: Actor, deed: Deed, outcome: Outcome) -> None:
    _log.info(
        "admin_change",
        actor=actor.name,
        action=deed.action,
        salon_id=deed.salon_id,
        outcome=outcome.value,
    )
