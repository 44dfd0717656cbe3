"""Which part of this YClients answers a call; what it refuses becomes an answer, too."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from starlette.responses import Response

from sandbox.yclients.envelope import Refused, invalid
from sandbox.yclients.operations import Operation

Fields = dict[str, Any]
"""Of path, query and body together. What the query gives is text, or a list of texts."""

Calls = Mapping[Operation, Callable[[Fields], Response]]


class Answers:
    def __init__(self, *parts: Calls) -> None:
        self._calls = {operation: call for part in parts for operation, call in part.items()}

    def answer(self, operation: Operation, fields: Fields) -> Response:
        try:
            return self._calls[operation](fields)
        except Refused as refused:
            return refused.answer
        except ValidationError as error:
            wrong = {str(each["loc"][0]): each["msg"] for each in error.errors() if each["loc"]}
            return invalid(**wrong)
