"""One atomic step in Redis: snapshot, secrets, log entry and publication of one event.

A server-side script does it, so that nobody ever sees an event whose snapshot or log entry is not
there yet, and so that a stale owner (a lower epoch than the snapshot's) changes nothing. Nor does
it change anything on a server that was started since, or promoted: what the one before may have
lost goes first.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.bus import keys
from shared.clock import now_ms
from shared.messages.events import AnySessionEvent
from shared.messages.snapshot import LiveCode, LiveQr, Snapshot
from shared.messages.status import SessionStatus

_ANOTHER_SERVER: Final = -1
UNLINKED_SNAPSHOT_TTL_MS: Final = 24 * 60 * 60 * 1000
_KEEPS_A_DEVICE: Final = frozenset(
    {SessionStatus.FROZEN, SessionStatus.BANNED, SessionStatus.REPLACED}
)
"""They may last for days, in which nothing is said."""

_ANNOUNCE: Final = """
local log, snapshot, qr, code = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local channel, event, durable, max_length = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local epoch, snapshot_ttl = tonumber(ARGV[5]), tonumber(ARGV[6])
local secrets = {{qr, ARGV[7], tonumber(ARGV[8])}, {code, ARGV[9], tonumber(ARGV[10])}}
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
if ARGV[11] ~= '' and ARGV[11] ~= server then return {-1, server} end
local kind = redis.call('TYPE', snapshot)['ok']
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', snapshot) end
local known = redis.call('HGET', snapshot, 'epoch')
if known and (tonumber(known) or 0) > epoch then return {0, server} end
for _, secret in ipairs(secrets) do
  if secret[3] > 0 then redis.call('SET', secret[1], secret[2], 'PX', secret[3])
  elseif secret[3] < 0 then redis.call('DEL', secret[1]) end
end
if #ARGV > 11 then
  redis.call('DEL', snapshot)
  redis.call('HSET', snapshot, unpack(ARGV, 12))
  if snapshot_ttl > 0 then redis.call('PEXPIRE', snapshot, snapshot_ttl) end
end
if event ~= '' then
  if durable == '1' then
    local id = redis.call('XADD', log, 'MAXLEN', '~', max_length, '*', 'event', event)
    event = string.sub(event, 1, -2) .. ',"streamId":"' .. id .. '"}'
  end
  redis.call('PUBLISH', channel, event)
end
return {1, server}
"""


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event, the snapshot it leads to, and what happens to the two secrets.

    ``qr`` / ``code``: a value is stored until its own expiry, ``keep_*`` leaves what is there, and
    otherwise the secret is removed. ``event`` is None when only the snapshot is told again.
    ``news_only``: said in the name of another owner, whose snapshot stays as it is.
    """

    snapshot: Snapshot
    event: AnySessionEvent | None = None
    qr: LiveQr | None = None
    code: LiveCode | None = None
    keep_qr: bool = False
    keep_code: bool = False
    news_only: bool = False

    @property
    def durable(self) -> bool:
        return self.event is not None and self.event.durable


class AnotherServerError(Exception):
    """Nothing was announced: not the expected server answers. The text is its id."""


@dataclass(frozen=True, slots=True)
class Taken:
    """``accepted``: False when a newer owner has spoken, and nothing was changed or published.

    ``server``: another id after each start of the server, and of another one; empty: unknown.
    """

    accepted: bool
    server: str


class Announcer:
    """Carries announcements to Redis, one try each. Raises redis.exceptions.RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = redis.register_script(_ANNOUNCE)

    async def server(self) -> str:
        try:
            said: dict[str, str] = await self._redis.info("server")
        except ResponseError:
            return ""
        return str(said.get("run_id", ""))

    async def announce(self, announcement: Announcement, expected_server: str = "") -> Taken:
        """Raises AnotherServerError; empty, any server will do."""
        snapshot, event = announcement.snapshot, announcement.event
        session_id = snapshot.company_id
        lasting = snapshot.phone_number is not None or snapshot.status in _KEEPS_A_DEVICE
        told = {} if announcement.news_only else snapshot.to_hash()
        fields = [item for pair in told.items() for item in pair]
        call = cast("Callable[..., Awaitable[tuple[int, str]]]", self._script)
        outcome, server = await call(
            keys=[
                keys.EVENTS_LOG,
                keys.session_snapshot(session_id),
                keys.live_qr(session_id),
                keys.live_code(session_id),
            ],
            args=[
                keys.EVENTS_CHANNEL,
                event.to_json() if event else "",
                "1" if announcement.durable else "0",
                keys.EVENTS_LOG_MAX_LENGTH,
                snapshot.epoch,
                0 if lasting else UNLINKED_SNAPSHOT_TTL_MS,
                *_secret(announcement.qr, keep=announcement.keep_qr),
                *_secret(announcement.code, keep=announcement.keep_code),
                expected_server,
                *fields,
            ],
        )
        if outcome == _ANOTHER_SERVER:
            raise AnotherServerError(server)
        return Taken(outcome == 1, server)


def _secret(secret: LiveQr | LiveCode | None, *, keep: bool) -> tuple[str, int]:
    """Value and time to live: positive stores, zero leaves alone, negative removes."""
    if secret is None:
        return "", 0 if keep else -1
    remaining_ms = secret.expires_at - now_ms()
    return (secret.to_json(), remaining_ms) if remaining_ms > 0 else ("", -1)
