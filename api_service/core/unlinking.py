"""Unlinking a salon at its owner's wish."""

from collections.abc import Callable
from typing import Final

from api_service.core.linking import deadline_ms, measured
from api_service.core.outcomes import Expectation, Outcomes
from shared.bus.commands import CommandSender
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.errors import AppError, ErrorCode
from shared.messages.commands import Unlink
from shared.messages.envelope import new_id
from shared.messages.events import AnySessionEvent, CommandResult

DEADLINE_S: Final = 18.0
"""The WhatsApp process gives itself 8 s for a connection and 6 s for WhatsApp's answer."""


class Unlinking:
    def __init__(self, commands: CommandSender, outcomes: Outcomes) -> None:
        self._commands = commands
        self._outcomes = outcomes

    async def request(self, session_id: SessionId) -> None:
        """Returns when nothing is linked any more; every page has been told by an event, if it was.

        Raises AppError(UNLINK_FAILED), redis.exceptions.RedisError.
        """
        with measured("unlink"):
            command = Unlink(
                command_id=new_id(),
                company_id=session_id,
                issued_at=now_ms(),
                expires_at=deadline_ms(DEADLINE_S),
            )
            expectation = Expectation[CommandResult](_result_of(command.command_id))
            with self._outcomes.expecting(session_id, expectation):
                await self._commands.send(command)
                try:
                    result = await expectation.outcome(DEADLINE_S)
                except TimeoutError:
                    raise AppError(ErrorCode.UNLINK_FAILED) from None
            if not result.success:
                raise AppError(ErrorCode.UNLINK_FAILED, cause=result.code)


def _result_of(command_id: str) -> Callable[[AnySessionEvent], CommandResult | None]:
    def decide(event: AnySessionEvent) -> CommandResult | None:
        match event:
            case CommandResult(command_id=answered) if answered == command_id:
                return event
            case _:
                return None

    return decide
