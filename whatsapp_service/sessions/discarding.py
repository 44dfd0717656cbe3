"""The device that a salon had before it linked anew."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from whatsapp_service.store.directory import StoreUnavailableError

if TYPE_CHECKING:
    from whatsapp_service.gateway.device_jid import DeviceJid
    from whatsapp_service.sessions.session import Session

_log = structlog.get_logger(__name__)

AGAIN_S: Final = 10.0


async def discard(session: Session, device: DeviceJid) -> None:
    """Delete its credentials, as soon as the store can be asked.

    WhatsApp is not told: a banned device cannot connect, and a replaced one would disturb whoever
    holds it now. The phone may list it until its owner removes it.
    """
    try:
        await session.services.directory.delete_credentials(str(device))
    except StoreUnavailableError:
        _log.warning("old_credentials_not_deleted")
        again = partial(discard, session, device)
        session.timers.set("discard", AGAIN_S, lambda: session.post(again))
    else:
        _log.info("old_credentials_deleted")
