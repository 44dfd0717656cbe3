"""The latest truth about one session, kept in Redis so that a page that comes late sees it."""

from collections.abc import Mapping

from pydantic import Field, ValidationError

from shared.clock import now_ms
from shared.messages.envelope import EpochMs, PhoneDigits, SessionIdField, WireModel
from shared.messages.liveness import Liveness
from shared.messages.status import Reason, SessionStatus


class Snapshot(Liveness):
    """``connected`` is true only while the WhatsApp connection is open and logged in.

    ``retry_at``: nothing is tried before that; absent when it is soon, or never.
    """

    company_id: SessionIdField
    status: SessionStatus
    connected: bool = False
    phone_number: PhoneDigits | None = None
    reason: Reason | None = None
    queue_position: int | None = Field(default=None, ge=1)
    retry_at: EpochMs | None = None
    epoch: int = Field(default=1, ge=1)
    process_id: str = ""
    updated_at: EpochMs = Field(default_factory=now_ms)

    def to_hash(self) -> dict[str, str]:
        """Redis hash fields; an absent value is an absent field."""
        fields = self.model_dump(by_alias=True, exclude_none=True, mode="json")
        return {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in fields.items()
        }

    @classmethod
    def from_hash(cls, fields: Mapping[str, str]) -> "Snapshot | None":
        """None when there is none, or when what is there was not written by a session's owner."""
        try:
            return cls.model_validate(fields) if fields else None
        except ValidationError:
            return None


class LiveQr(WireModel):
    """The value of the QR key; the key itself expires with the QR."""

    qr: str
    expires_at: EpochMs


class LiveCode(WireModel):
    """The value of the pairing-code key; the key itself expires with the code."""

    code: str
    phone_number: PhoneDigits
    expires_at: EpochMs
