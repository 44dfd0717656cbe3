"""What a linker process and its parent say to each other: JSON lines over a socket pair.

Both ends are ours and of one version. Lines hold secrets and are never logged.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def to_line(self) -> bytes:
        return self.model_dump_json().encode() + b"\n"


class Start(_Line):
    """``proxy_url`` in the library's form; empty goes directly."""

    kind: Literal["start"] = "start"
    store_url: str
    device_name: str
    proxy_url: str


class AskCode(_Line):
    kind: Literal["ask-code"] = "ask-code"
    request: int
    phone: str


class PrepareStore(_Line):
    """Create or upgrade the library's tables; must be alone on a database while it does."""

    kind: Literal["prepare-store"] = "prepare-store"
    store_url: str


class Ready(_Line):
    """The library is loaded."""

    kind: Literal["ready"] = "ready"


class StorePrepared(_Line):
    kind: Literal["store-prepared"] = "store-prepared"


class QrText(_Line):
    """``lifetime_s``: how long the server honours this text: 60 s the first, 20 s each other."""

    kind: Literal["qr"] = "qr"
    text: str
    lifetime_s: int


class CodeGiven(_Line):
    kind: Literal["code"] = "code"
    request: int
    code: str


class CodeFailed(_Line):
    """``refused``: the server's answer was an error; else no answer came."""

    kind: Literal["code-failed"] = "code-failed"
    request: int
    refused: bool


class Paired(_Line):
    """The phone has accepted; credentials are in the store under ``jid``."""

    kind: Literal["paired"] = "paired"
    jid: str


class Linked(_Line):
    """First login and prekey upload are done, and the connection is closed again."""

    kind: Literal["linked"] = "linked"
    jid: str


EndReason = Literal[
    "qr-expired", "unreachable", "proxy", "outdated", "passkey", "refused", "failed"
]
"""``proxy``: it is dead, silent or does not let us in; ``unreachable``: WhatsApp behind it."""


class Ended(_Line):
    kind: Literal["ended"] = "ended"
    reason: EndReason


Order = Start | AskCode | PrepareStore
Report = Ready | StorePrepared | QrText | CodeGiven | CodeFailed | Paired | Linked | Ended

_ORDERS: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="kind")])
_REPORTS: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="kind")])


def decode_order(line: bytes) -> Order:
    return _ORDERS.validate_json(line)


def decode_report(line: bytes) -> Report:
    return _REPORTS.validate_json(line)
