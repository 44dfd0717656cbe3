"""What is true of each session now, to be told again to a Redis that was away."""

from dataclasses import dataclass

from shared.bus.announcement import Announcement
from shared.company_id import SessionId
from shared.messages.events import PairingCode, Qr
from shared.messages.shown import code_shown, left_s, qr_shown, status_shown
from shared.messages.snapshot import LiveCode, LiveQr, Snapshot


@dataclass(frozen=True, slots=True)
class Known:
    snapshot: Snapshot
    qr: LiveQr | None
    code: LiveCode | None

    def again(self) -> list[Announcement]:
        """The status, then what a phone may still be shown: it may have gone by unheard."""
        snapshot, qr, code = self.snapshot, self.qr, self.code
        announcements = [Announcement(snapshot, status_shown(snapshot), qr, code)]
        if qr is not None and left_s(qr) > 0:
            announcements.append(self._with(qr_shown(snapshot, qr)))
        if code is not None and left_s(code) > 0:
            announcements.append(self._with(code_shown(snapshot, code)))
        return announcements

    def _with(self, event: Qr | PairingCode) -> Announcement:
        return Announcement(self.snapshot, event, keep_qr=True, keep_code=True)


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
