"""What every message shares: camelCase JSON, ids that sort by time, one way of failing."""

import secrets
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from shared.clock import now_ms
from shared.company_id import SESSION_ID_PATTERN, SessionId

SessionIdField = Annotated[SessionId, StringConstraints(pattern=SESSION_ID_PATTERN, max_length=23)]
Identifier = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
]
PhoneDigits = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{9,14}$")]
EpochMs = Annotated[int, Field(ge=0, le=253_402_300_799_999)]
"""Up to the year 9999, beyond which no date can be made of it."""


class WireModel(BaseModel):
    """Immutable. Unknown fields are ignored: a newer writer does not stop an older reader."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        strict=False,
        hide_input_in_errors=True,
    )

    def to_json(self) -> str:
        return self.model_dump_json(by_alias=True, exclude_none=True)


def new_id() -> str:
    """Sorts by the millisecond it was made in: 11 hexadecimal digits of time, 20 random ones."""
    return f"{now_ms():011x}-{secrets.token_hex(10)}"
