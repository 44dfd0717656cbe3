"""What a session says to the outside: its state becomes events and a snapshot."""

from typing import Final

from shared.bus.announcement import Announcement
from shared.bus.publisher import Publisher
from shared.clock import now_ms
from shared.errors import ErrorCode
from shared.messages.events import (
    AnySessionEvent,
    CommandResult,
    Connected,
    Disconnected,
    Logout,
    PairingCodeError,
)
from shared.messages.shown import code_shown, qr_shown, status_shown
from shared.messages.snapshot import LiveCode, LiveQr, Snapshot
from shared.messages.status import Reason, SessionStatus
from whatsapp_service.sessions.line import Line
from whatsapp_service.sessions.state import State
from whatsapp_service.store.sessions import Tenure

SHOWN_QR_S: Final = 20
SHOWN_CODE_S: Final = 50
"""A code lives 60 s; the last 10 are left for typing it."""

_WITH_SECRETS: Final = frozenset({SessionStatus.QR, SessionStatus.PAIRING})


class Voice:
    """Publishes for one session. Never waits and never fails: the publisher's queue takes it."""

    def __init__(self, publisher: Publisher, tenure: Tenure, line: Line) -> None:
        self._publisher = publisher
        self._session_id = tenure.session_id
        self._process_id = tenure.owner
        self._epoch = tenure.epoch
        self._line = line

    def state_changed(self, before: State, after: State) -> None:
        """The durable news first, then the status; both with the snapshot of ``after``."""
        news = self._durable_news(before, after)
        if news is not None:
            self._say(after, news)
        self.status(after)

    def status(self, state: State) -> None:
        self._say(state, status_shown(self._snapshot(state)))

    def liveness(self, state: State) -> None:
        """No event: only the snapshot is told again."""
        self._publisher.publish(Announcement(self._snapshot(state), keep_qr=True, keep_code=True))

    def qr(self, state: State, text: str, lifetime_s: float) -> None:
        """``lifetime_s`` is what is left of it; a page is shown at most 20 s at a time."""
        shown_s = min(SHOWN_QR_S, max(1, round(lifetime_s)))
        live = LiveQr(qr=text, expires_at=now_ms() + shown_s * 1000)
        snapshot = self._snapshot(state)
        self._publisher.publish(
            Announcement(snapshot, qr_shown(snapshot, live), qr=live, keep_code=True)
        )

    def code(self, state: State, live: LiveCode, command_id: str | None) -> None:
        snapshot = self._snapshot(state)
        event = code_shown(snapshot, live, command_id)
        self._publisher.publish(Announcement(snapshot, event, code=live, keep_qr=True))

    def code_refused(self, state: State, command_id: str, code: ErrorCode) -> None:
        self._say(
            state,
            PairingCodeError(
                company_id=self._session_id, epoch=self._epoch, code=code, command_id=command_id
            ),
        )

    def result(self, state: State, command_id: str, code: ErrorCode | None) -> None:
        self._say(
            state,
            CommandResult(
                company_id=self._session_id,
                epoch=self._epoch,
                command_id=command_id,
                success=code is None,
                code=code,
            ),
        )

    def _durable_news(self, before: State, after: State) -> AnySessionEvent | None:
        common = {"company_id": self._session_id, "epoch": self._epoch}
        was, now = before.status, after.status
        if now is SessionStatus.CONNECTED and was is not now and after.phone:
            return Connected(**common, phone_number=after.phone)
        if now is SessionStatus.LOGGED_OUT and was is not now:
            return Logout(**common, reason=after.reason)
        if was is now is SessionStatus.FROZEN and before.phone and not after.phone:
            return Logout(**common, reason=Reason.UNLINKED)
        if was is SessionStatus.CONNECTED and now is not was:
            return Disconnected(**common, reason=after.reason or Reason.SOCKET_LOST)
        return None

    def _say(self, state: State, event: AnySessionEvent) -> None:
        secrets_live = state.status in _WITH_SECRETS
        self._publisher.publish(
            Announcement(
                self._snapshot(state),
                event,
                keep_qr=secrets_live,
                keep_code=state.status is SessionStatus.PAIRING,
            )
        )

    def _snapshot(self, state: State) -> Snapshot:
        self._line.told = self._line.liveness()
        return Snapshot(
            company_id=self._session_id,
            status=state.status,
            connected=state.status is SessionStatus.CONNECTED,
            phone_number=state.phone,
            reason=state.reason,
            queue_position=state.queue_position,
            retry_at=state.retry_at,
            epoch=self._epoch,
            process_id=self._process_id,
            **self._line.told.facts(),
        )
