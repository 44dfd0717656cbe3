"""What the admin API is asked and answers: read, written and documented by these models."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_ID = 10**15 - 1
"""15 digits, as salon ids have them everywhere."""

MAX_COUNT = 100

Word = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=100)]
"""One line. Postgres keeps no NUL."""

Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]


class Asked(BaseModel):
    """A query: text that is read as what it stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Order(BaseModel):
    """A body: what is not of its type is refused, never guessed."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class AdminAnswer(BaseModel):
    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    success: Literal[True] = True


class AdminPage(AdminAnswer):
    page: int
    count: int
    total: int


class Event(BaseModel):
    """Something that happened to a salon. Secrets and numbers in ``data`` are masked."""

    type: str | None
    data: Any
    created_at: datetime | None
