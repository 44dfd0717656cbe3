"""What is true of each session now, to be told again to a Redis that was away."""

from dataclasses import dataclass

from shared.bus.announcement import Announcement
from shared.clock import now_ms
from shared.company_id import SessionId
from shared.messages.events import PairingCode, Qr, StatusChanged
from shared.messages.snapshot import LiveCode, LiveQr, Snapshot


@dataclass(frozen=True, slots=True)
class Known:
    snapshot: Snapshot
    qr: LiveQr | None
    code: LiveCode | None

    def again(self) -> list[Announcement]:
        """The status, then what a phone may still be shown: it may have gone by unheard."""
        announcements = [Announcement(self.snapshot, self._status(), self.qr, self.code)]
        if self.qr is not None and (left_s := _left_s(self.qr)) > 0:
            announcements.append(self._with(self._qr(self.qr, left_s)))
        if self.code is not None and (left_s := _left_s(self.code)) > 0:
            announcements.append(self._with(self._code(self.code, left_s)))
        return announcements

    def _with(self, event: Qr | PairingCode) -> Announcement:
        return Announcement(self.snapshot, event, keep_qr=True, keep_code=True)

    def _status(self) -> StatusChanged:
        snapshot = self.snapshot
        return StatusChanged(
            company_id=snapshot.company_id,
            epoch=snapshot.epoch,
            status=snapshot.status,
            reason=snapshot.reason,
            phone_number=snapshot.phone_number,
            queue_position=snapshot.queue_position,
            retry_at=snapshot.retry_at,
            **snapshot.facts(),
        )

    def _qr(self, live: LiveQr, left_s: int) -> Qr:
        return Qr(
            company_id=self.snapshot.company_id,
            epoch=self.snapshot.epoch,
            qr=live.qr,
            expires_in=left_s,
            expires_at=live.expires_at,
        )

    def _code(self, live: LiveCode, left_s: int) -> PairingCode:
        return PairingCode(
            company_id=self.snapshot.company_id,
            epoch=self.snapshot.epoch,
            code=live.code,
            phone_number=live.phone_number,
            expires_in=left_s,
            expires_at=live.expires_at,
        )


class Newest:
    def __init__(self) -> None:
        self._known: dict[SessionId, Known] = {}

    def take(self, announcement: Announcement) -> None:
        session_id = announcement.snapshot.company_id
        before = self._known.get(session_id)
        kept_qr = before.qr if before and announcement.keep_qr else None
        kept_code = before.code if before and announcement.keep_code else None
        self._known[session_id] = Known(
            announcement.snapshot, announcement.qr or kept_qr, announcement.code or kept_code
        )

    def of(self, session_id: SessionId) -> Known | None:
        return self._known.get(session_id)

    def forget(self, session_id: SessionId) -> None:
        self._known.pop(session_id, None)

    @property
    def sessions(self) -> list[SessionId]:
        return list(self._known)


def _left_s(live: LiveQr | LiveCode) -> int:
    return max(0, round((live.expires_at - now_ms()) / 1000))
