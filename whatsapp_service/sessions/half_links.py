"""Links that were cut in the middle: the phone has accepted, and no row says whose device it is.

Before a QR is shown, the identity key of the device in the making is recorded for the salon. The
library stores the device before it tells the phone that all is well, so whatever the phone lists
as linked can be found by that key, whoever was killed at which moment.
"""

from typing import Final

import structlog
from prometheus_client import Counter

from shared.company_id import SessionId
from whatsapp_service.gateway.device_identity import identity_in_qr, public_identity
from whatsapp_service.gateway.device_jid import DeviceJid
from whatsapp_service.store.directory import Directory
from whatsapp_service.store.link_attempts import RecordedAttempt

_log = structlog.get_logger(__name__)
_claimed = Counter("half_links_total", "Devices of links cut in the middle", ["outcome"])

OVER_S: Final = 600.0
"""No attempt and no first login lasts as long."""


class HalfLinks:
    """Every method may raise StoreUnavailableError."""

    def __init__(self, directory: Directory, process_id: str) -> None:
        self._directory = directory
        self._process_id = process_id

    async def record(self, session_id: SessionId, qr_text: str) -> bytes:
        """Before a QR of a new connection is shown; the device's identity. Raises ValueError."""
        identity = identity_in_qr(qr_text)
        await self._directory.record_attempt(identity, session_id, self._process_id)
        return identity

    async def device_of(self, identity: bytes) -> DeviceJid | None:
        """The device that came of an attempt and that no salon has yet."""
        return (await self._unowned()).get(identity)

    async def newer_device(self, session_id: SessionId) -> DeviceJid | None:
        """Of a link that was cut in the middle while the salon had another device.

        For its owner, before it opens anything.
        """
        attempts = await self._directory.attempts_left_behind(OVER_S)
        newer = [it for it in attempts if it.session_id == session_id and it.is_newer]
        devices = await self._unowned() if newer else {}
        found = [devices[it.identity] for it in newer if it.identity in devices]
        if not found:
            return None
        _claimed.labels(outcome="claimed").inc()
        _log.warning("half_link_claimed", company_id=session_id)
        return found[-1]

    async def leave_behind(self, identity: bytes) -> None:
        """Nobody is at work on that attempt any more, though its process lives."""
        await self._directory.leave_attempt(identity)

    async def claim_left_behind(self) -> list[SessionId]:
        """Give the devices of attempts that nobody is at work on to their salons; which got one.

        The process of such an attempt is dead, or it is so old that it must be over. A linker may
        outlive its process for a moment: what has no device yet is looked at again until it is
        over. A salon that has linked again meanwhile keeps what it has, and the credentials of the
        other device are deleted. One whose device is older than the attempt takes the newer one
        when it is opened: `newer_device`.
        """
        attempts = await self._directory.attempts_left_behind(OVER_S)
        if not attempts:
            return []
        devices = await self._unowned()
        claimed, settled = [], []
        for attempt in attempts:
            device = devices.get(attempt.identity)
            if attempt.is_newer and not attempt.is_over:
                continue
            if device is not None and await self._claim(attempt, device):
                claimed.append(attempt.session_id)
            if device is not None or attempt.is_over:
                settled.append(attempt.identity)
        await self._directory.erase_attempts(settled)
        return claimed

    async def _claim(self, attempt: RecordedAttempt, device: DeviceJid) -> bool:
        stored = await self._directory.find_session(attempt.session_id)
        if stored is not None and stored.jid == str(device):
            return False
        if stored is not None and stored.jid is not None:
            await self._directory.delete_credentials(str(device))
            _claimed.labels(outcome="deleted").inc()
            _log.warning("half_link_deleted", company_id=attempt.session_id)
            return False
        await self._directory.give_device(attempt.session_id, str(device), device.phone)
        _claimed.labels(outcome="claimed").inc()
        _log.warning("half_link_claimed", company_id=attempt.session_id)
        return True

    async def _unowned(self) -> dict[bytes, DeviceJid]:
        """Devices in the library's store that no salon has, by their public identity."""
        owned = await self._directory.owned_jids()
        keys = await self._directory.stored_keys()
        devices = {}
        for key in keys:
            if key.jid in owned:
                continue
            try:
                devices[public_identity(key.identity_key)] = DeviceJid.parse(key.jid)
            except ValueError:
                _log.error("stored_device_unreadable")
        return devices
