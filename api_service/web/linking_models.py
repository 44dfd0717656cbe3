"""What the linking and activation routes take and answer."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.messages.status import SessionStatus


class Asked(BaseModel):
    """Others may add parameters of theirs to these addresses."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class RedirectAsked(Asked):
    """As YClients sends it. A salon may also be told as ``salon_ids[0]``, or as ``salon_ids``."""

    salon_id: str | None = None
    user_data: str | None = Field(default=None, description="base64 of JSON")
    user_data_sign: str | None = Field(
        default=None, description="Hex of HMAC-SHA256 over the decoded user_data."
    )


class OnboardingAsked(Asked):
    token: str | None = None


class LiveQr(BaseModel):
    """``expires_in`` in seconds, ``expires_at`` in milliseconds since the epoch."""

    success: Literal[True]
    qr: str
    session_id: str
    expires_in: int
    expires_at: int


class SessionState(BaseModel):
    success: Literal[True]
    status: SessionStatus
    connected: bool
    session_id: str
    phoneNumber: str | None  # noqa: N815 - names on the wire
    hasQR: bool  # noqa: N815
    hasPairingCode: bool  # noqa: N815
    reason: str | None
    message: str
    nextStep: str  # noqa: N815


class ActivationAsked(BaseModel):
    token: str


class Activated(BaseModel):
    success: Literal[True]
    message: str
    company_id: int
    salon_id: int


class ActivationPending(Activated):
    status: Literal["activation_pending"]
