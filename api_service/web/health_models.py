"""What the health routes answer. Times are ISO 8601, latencies in milliseconds."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api_service.core.health import Health
from shared.bus.durability import Known


class PubsubAsked(BaseModel):
    """``timeout`` in milliseconds."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    timeout: Annotated[int, Field(ge=1, le=30_000)] = 5_000


class ReachableCheck(BaseModel):
    status: Health
    connected: bool
    latencyMs: float | None  # noqa: N815 - names on the wire


class RedisCheck(ReachableCheck):
    """Whether Redis keeps what it was told when it is killed, in its own words."""

    appendOnly: Known  # noqa: N815
    appendFsync: str  # noqa: N815


class WhatsAppCheck(BaseModel):
    """``silent``: ids of WhatsApp processes that should have answered and did not.

    ``storeless``: of those that have, but cannot reach the credential store.
    """

    status: Health
    reachable: bool
    latencyMs: float | None  # noqa: N815
    silent: list[str]
    storeless: list[str]


class QueueCheck(BaseModel):
    status: Health
    unread: int | None
    inHand: int | None  # noqa: N815
    dead: int | None


class MemoryCheck(BaseModel):
    status: Health
    residentMb: float  # noqa: N815


class ActivityCheck(BaseModel):
    status: Health
    at: str | None


class OverallChecks(BaseModel):
    redis: RedisCheck
    database: ReachableCheck
    whatsapp: WhatsAppCheck
    queue: QueueCheck
    memory: MemoryCheck
    lastActivity: ActivityCheck  # noqa: N815


class Overall(BaseModel):
    """``uptime`` in seconds."""

    status: Health
    timestamp: str
    uptime: float
    checks: OverallChecks


class PubsubWorks(BaseModel):
    """``degraded``: the processes in ``silent`` should have answered and did not."""

    status: Literal["healthy", "degraded"]
    pubsub: Literal["working"]
    latencyMs: float  # noqa: N815
    testId: str  # noqa: N815
    silent: list[str]
    timestamp: str


class PubsubFails(BaseModel):
    status: Literal["unhealthy"]
    pubsub: Literal["timeout", "error"]
    error: str
    latencyMs: float  # noqa: N815
    timestamp: str
    suggestion: str
    silent: list[str] = Field(default_factory=list)


class RedisPubsubWorks(BaseModel):
    status: Literal["healthy"]
    redis_pubsub: Literal["working"]
    latencyMs: float  # noqa: N815
    timestamp: str


class RedisPubsubFails(BaseModel):
    status: Literal["unhealthy"]
    redis_pubsub: Literal["timeout", "error"]
    error: str
    latencyMs: float  # noqa: N815
    timestamp: str
    suggestion: str


class CredentialStore(ReachableCheck):
    type: Literal["postgres"]


class SessionCounts(BaseModel):
    """``silent``: connected, but WhatsApp owes an answer on that line."""

    total: int
    connected: int
    loggedIn: int  # noqa: N815
    socketAlive: int  # noqa: N815
    silent: int
    byStatus: dict[str, int]  # noqa: N815


class WhatsAppHealth(BaseModel):
    status: Health
    timestamp: str
    process: WhatsAppCheck
    credentialStore: CredentialStore  # noqa: N815
    sessions: SessionCounts


class CompanyHealth(BaseModel):
    """The number is masked. ``retryAt``: nothing is tried before that.

    ``linked``: the salon has a device, which its phone still lists as far as we know; also while it
    is banned, replaced, refused or frozen. Not while it is being linked anew.

    ``loggedIn`` and ``socketAlive`` are as true as the owner is alive; ``lastEventAt`` and
    ``phoneSeen`` may be 60 s older than the truth. ``phoneSeen``: a sign of the salon's own phone.
    """

    status: str
    session_id: str
    connected: bool
    reason: str | None
    linked: bool
    phoneNumber: str | None  # noqa: N815
    loggedIn: bool  # noqa: N815
    socketAlive: bool  # noqa: N815
    lastEventAt: str | None  # noqa: N815
    connectedSince: str | None  # noqa: N815
    phoneSeen: str | None  # noqa: N815
    hasQR: bool  # noqa: N815
    hasPairingCode: bool  # noqa: N815
    retryAt: str | None  # noqa: N815
    updatedAt: str | None  # noqa: N815
    timestamp: str
