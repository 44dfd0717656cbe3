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

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._begun_here: set[bytes] = set()
        self._looked_back = False

    async def record(self, session_id: SessionId, qr_text: str) -> bytes:
        """Before a QR of a new connection is shown; the device's identity. Raises ValueError."""
        identity = identity_in_qr(qr_text)
        if not self._looked_back:
            self._begun_here.add(identity)
        await self._directory.record_attempt(identity, session_id)
        return identity

    async def device_of(self, identity: bytes) -> DeviceJid | None:
        """The device that came of an attempt and that no salon has yet."""
        return (await self._unowned()).get(identity)

    async def claim_left_behind(self) -> list[SessionId]:
        """At the start: whoever was at work on an attempt of an earlier life is gone.

        Postgres may answer late, and attempts of this life may have begun meanwhile: they are left.
        Once it has worked, another call does nothing.
        """
        if self._looked_back:
            return []
        recorded = await self._directory.recorded_attempts(0)
        left = [attempt for attempt in recorded if attempt.identity not in self._begun_here]
        claimed = await self._claim_all(left)
        self._looked_back = True
        self._begun_here.clear()
        return claimed

    async def claim_over(self) -> list[SessionId]:
        """Later: of attempts that are so old that they must be over."""
        return await self._claim_all(await self._directory.recorded_attempts(OVER_S))

    async def _claim_all(self, attempts: list[RecordedAttempt]) -> list[SessionId]:
        """Give every such device to its salon; the salons that got one.

        A salon that has linked again meanwhile keeps what it has, and the credentials of the other
        device are deleted.
        """
        if not attempts:
            return []
        devices = await self._unowned()
        claimed = [
            attempt.session_id
            for attempt in attempts
            if (device := devices.get(attempt.identity)) and await self._claim(attempt, device)
        ]
        await self._directory.erase_attempts([attempt.identity for attempt in attempts])
        return claimed

    async def _claim(self, attempt: RecordedAttempt, device: DeviceJid) -> bool:
        stored = await self._directory.find_session(attempt.session_id)
        if stored is not None and stored.jid is not None:
            await self._directory.delete_credentials(str(device))
            _claimed.labels(outcome="deleted").inc()
            _log.warning("half_link_deleted", company_id=attempt.session_id)
            return False
        await self._directory.save_device(attempt.session_id, str(device), device.phone)
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
