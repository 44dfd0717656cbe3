"""What a page is shown of a snapshot and of its live secrets, as events."""

from shared.clock import now_ms
from shared.messages.events import PairingCode, Qr, StatusChanged
from shared.messages.snapshot import LiveCode, LiveQr, Snapshot


def status_shown(snapshot: Snapshot) -> StatusChanged:
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


def qr_shown(snapshot: Snapshot, live: LiveQr) -> Qr:
    return Qr(
        company_id=snapshot.company_id,
        epoch=snapshot.epoch,
        qr=live.qr,
        expires_in=left_s(live),
        expires_at=live.expires_at,
    )


def code_shown(snapshot: Snapshot, live: LiveCode, command_id: str | None = None) -> PairingCode:
    return PairingCode(
        company_id=snapshot.company_id,
        epoch=snapshot.epoch,
        code=live.code,
        phone_number=live.phone_number,
        expires_in=left_s(live),
        expires_at=live.expires_at,
        command_id=command_id,
    )


def left_s(live: LiveQr | LiveCode) -> int:
    return max(0, round((live.expires_at - now_ms()) / 1000))
