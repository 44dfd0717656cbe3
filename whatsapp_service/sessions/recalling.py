"""What an earlier life of a session has left: its row, and a link that was cut in the middle."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.sessions.discarding import discard

if TYPE_CHECKING:
    from whatsapp_service.sessions.session import Session
    from whatsapp_service.store.sessions import StoredSession


async def read_row(session: Session) -> StoredSession | None:
    """Before anything is opened: nobody is at the older of two devices, and it can go.

    Raises StoreUnavailableError, FencedError.
    """
    services = session.services
    stored = await services.directory.find_session(session.session_id)
    if stored is None or stored.jid is None or not stored.link_cut:
        return stored
    newer = await services.half_links.newer_device(session.session_id)
    if newer is None:
        return stored
    await services.directory.save_device(session.tenure, str(newer), newer.phone)
    with contextlib.suppress(ValueError):
        await discard(session, DeviceJid.parse(stored.jid))
    return replace(stored, jid=str(newer), reason=None, retry_in_s=None)
