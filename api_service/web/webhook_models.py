"""What YClients sends us, and what it is answered. Anything else is taken in, too, and recorded."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, RootModel


class LifecycleNotification(BaseModel):
    """``event``: ``uninstall``, ``freeze``, ``payment``; others are recorded."""

    model_config = ConfigDict(extra="allow")

    salon_id: int
    application_id: int | None = None
    event: str
    partner_token: str


class EntityNotification(BaseModel):
    """``status``: ``create``, ``update`` or ``delete``; ``data`` may be partial."""

    model_config = ConfigDict(extra="allow")

    company_id: int
    resource: str
    resource_id: int
    status: str
    data: Any = None


class AnyNotification(RootModel[LifecycleNotification | EntityNotification | Any]):
    pass


class NotificationTaken(BaseModel):
    """``skipped``: why it has no effect, or has it later."""

    success: Literal[True]
    received: Literal[True]
    webhook_id: str | None = None
    skipped: (
        Literal["duplicate", "different_application", "rate_limited", "without_secret"] | None
    ) = None


class NotificationRefused(BaseModel):
    success: Literal[False]
    error: str
    code: str


class NotificationTold(RootModel[NotificationTaken | NotificationRefused]):
    pass
