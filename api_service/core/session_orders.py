"""What a salon's session is told to do, and whether it has done it."""

from collections.abc import Callable
from typing import Final

from api_service.core.linking import SessionLine, answered, deadline_ms
from api_service.core.outcomes import Expectation
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.errors import AppError, ErrorCode
from shared.messages.commands import Freeze, Thaw, Unlink
from shared.messages.envelope import new_id
from shared.messages.events import AnySessionEvent, CommandResult

UNLINK_S: Final = 18.0
"""The WhatsApp process gives itself 8 s for a connection and 6 s for WhatsApp's answer."""
FREEZE_S: Final = 15.0
THAW_S: Final = 15.0
"""Answered before the connection is open."""


class OrderFailedError(AppError):
    """The session has refused, by its own code, or has not answered: SERVICE_UNAVAILABLE."""


class SessionOrders:
    """Each returns when it is done, and may be given any number of times.

    Raises OrderFailedError, AppError(SERVICE_UNAVAILABLE) while no WhatsApp process lives,
    redis.exceptions.RedisError.
    """

    def __init__(self, line: SessionLine) -> None:
        self._line = line

    async def unlink(self, session_id: SessionId, *, uninstalled: bool = False) -> None:
        """Nothing is linked any more."""
        await self._give(Unlink, session_id, UNLINK_S, uninstalled=uninstalled or None)

    async def freeze(self, session_id: SessionId) -> None:
        """Nothing is open any more, and nothing opens; the credentials are kept."""
        await self._give(Freeze, session_id, FREEZE_S)

    async def thaw(self, session_id: SessionId, deadline_s: float = THAW_S) -> None:
        """The salon may be connected again, and is if it is linked."""
        await self._give(Thaw, session_id, deadline_s)

    async def _give(
        self,
        kind: type[Unlink | Freeze | Thaw],
        session_id: SessionId,
        deadline_s: float,
        **fields: bool | None,
    ) -> None:
        await answered(deadline_s, self._send(kind, session_id, deadline_s, **fields))

    async def _send(
        self,
        kind: type[Unlink | Freeze | Thaw],
        session_id: SessionId,
        deadline_s: float,
        **fields: bool | None,
    ) -> None:
        deadline_s -= await self._line.owners.wait_for_one(deadline_s)
        command = kind(
            command_id=new_id(),
            company_id=session_id,
            issued_at=now_ms(),
            expires_at=deadline_ms(deadline_s),
            **fields,
        )
        expectation = Expectation[CommandResult](_result_of(command.command_id))
        with self._line.outcomes.expecting(session_id, expectation):
            await self._line.commands.send(command)
            try:
                result = await expectation.outcome(deadline_s)
            except TimeoutError:
                raise OrderFailedError(ErrorCode.SERVICE_UNAVAILABLE) from None
        if not result.success:
            raise OrderFailedError(result.code or ErrorCode.INTERNAL_ERROR)


def _result_of(command_id: str) -> Callable[[AnySessionEvent], CommandResult | None]:
    def decide(event: AnySessionEvent) -> CommandResult | None:
        match event:
            case CommandResult(command_id=answered) if answered == command_id:
                return event
            case _:
                return None

    return decide
