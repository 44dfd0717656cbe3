"""What a route takes and answers. It is declared where the route is.

``DocumentedRoute(path, endpoint, Operation(...))`` instead of ``Route(path, endpoint)`` is all that
a route needs; tests fail for one without, and for one whose answers are not as declared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel
from starlette.routing import Route

from shared.errors import ErrorCode

JSON: Final = "application/json"
HTML: Final = "text/html"
TEXT: Final = "text/plain"

SALON_ID: Final = {"type": "integer", "minimum": 1, "maximum": 10**15 - 1}
SESSION_ID: Final = {"type": "string", "pattern": "^company_[1-9][0-9]{0,14}$"}

ONBOARDING_TOKEN: Final = "onboardingToken"  # noqa: S105 - the name of a scheme
ADMIN_TOKEN: Final = "adminToken"  # noqa: S105 - as above
HEALTH_TOKEN: Final = "healthToken"  # noqa: S105 - as above

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """``model``: of the JSON body; None for a body of another kind, or for none at all.

    ``headers``: what each says, by name.
    """

    status: int
    text: str
    model: type[BaseModel] | None = None
    media_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str | None:
        return self.media_type or (JSON if self.model else None)


@dataclass(frozen=True, slots=True)
class Operation:
    """``query`` and ``body`` are the models by which requests are read.

    ``path``: a schema for each parameter in the path. ``errors``: every code that may be answered;
    ``errors_as``: how. ``open_to_all``: that it also answers without its token.
    """

    summary: str
    answers: Sequence[Answer]
    tag: str
    description: str = ""
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    body_needed: bool = True
    path: Mapping[str, Schema] = field(default_factory=dict)
    security: str | None = None
    open_to_all: bool = False
    errors: Sequence[ErrorCode] = ()
    errors_as: str = JSON
    error_headers: Mapping[str, str] = field(default_factory=dict)


class DocumentedRoute(Route):
    """A route of one method that tells what it takes and answers."""

    def __init__(
        self, path: str, endpoint: Any, operation: Operation, *, method: str = "GET"
    ) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.method = method
        self.operation = operation
