"""A command to a session whose answer is waited for."""

from collections.abc import Callable

from api_service.core.linking import SessionLine
from api_service.core.outcomes import Expectation
from shared.messages.commands import Command
from shared.messages.events import AnySessionEvent, CommandResult


async def carried_out(line: SessionLine, command: Command, deadline_s: float) -> CommandResult:
    """The session's own answer. Raises TimeoutError without one, redis.exceptions.RedisError."""
    expectation = Expectation[CommandResult](_result_of(command.command_id))
    with line.outcomes.expecting(command.company_id, expectation):
        await line.commands.send(command)
        return await expectation.outcome(deadline_s)


def _result_of(command_id: str) -> Callable[[AnySessionEvent], CommandResult | None]:
    def decide(event: AnySessionEvent) -> CommandResult | None:
        match event:
            case CommandResult(command_id=answered) if answered == command_id:
                return event
            case _:
                return None

    return decide
