"""Commands: imperative, one handler each, sent to the owner of a session.

Handled at least once with one effect (duplicates are known by ``commandId``); past ``expiresAt``
answered with an error, never done late.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from shared.clock import now_ms
from shared.errors import AppError, ErrorCode
from shared.messages.envelope import EpochMs, Identifier, PhoneDigits, SessionIdField, WireModel
from shared.messages.events import fault_of


class _Command(WireModel):
    command_id: Identifier
    company_id: SessionIdField
    issued_at: EpochMs
    expires_at: EpochMs

    def is_expired(self) -> bool:
        return now_ms() >= self.expires_at


class RequestQr(_Command):
    """Have a live QR. Does nothing to a link attempt or a code that is under way."""

    type: Literal["request-qr"] = "request-qr"


class RequestPairingCode(_Command):
    """Have a live code for this number. The same number again gets the same code."""

    type: Literal["request-pairing-code"] = "request-pairing-code"
    phone_number: PhoneDigits


class Unlink(_Command):
    """Take the salon's device off the WhatsApp account. Done already when nothing is linked.

    ``uninstalled``: because the salon has left, not at its owner's wish.
    """

    type: Literal["unlink"] = "unlink"
    uninstalled: bool | None = None


class Freeze(_Command):
    """Close the salon's connection and open none; its credentials are kept. Lasts over restarts."""

    type: Literal["freeze"] = "freeze"


class Thaw(_Command):
    """End a freeze: a linked salon is connected again."""

    type: Literal["thaw"] = "thaw"


class Adopt(_Command):
    """Open the session, or look again for its device. Between WhatsApp processes; not answered."""

    type: Literal["adopt"] = "adopt"


Command = RequestQr | RequestPairingCode | Unlink | Freeze | Thaw | Adopt

_COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])


def decode_command(payload: str | bytes) -> Command:
    """Raises AppError(INVALID_MESSAGE)."""
    try:
        return _COMMANDS.validate_json(payload)
    except ValidationError as error:
        raise AppError(ErrorCode.INVALID_MESSAGE, fault=fault_of(error)) from None
