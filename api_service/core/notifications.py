"""What YClients tells of a salon's application, read from JSON as it comes.

Facts on YClients, 4a: ``uninstall`` and ``freeze`` are documented, ``payment`` is known of Altegio.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any, Final

from shared.company_id import SalonId
from shared.errors import AppError, ErrorCode

UNINSTALL: Final = "uninstall"
FREEZE: Final = "freeze"
PAYMENT: Final = "payment"
THAW: Final = "thaw"
"""Our own: YClients does not tell that a salon is active again."""

WITH_EFFECT: Final = frozenset({UNINSTALL, FREEZE, PAYMENT})

MAX_DEPTH: Final = 20
MAX_EVENT_LENGTH: Final = 50


@dataclass(frozen=True, slots=True)
class Notification:
    """``payload``: all of it but the partner token, as JSON that Postgres can keep."""

    salon_id: SalonId
    event_type: str
    payload: dict[str, Any]

    def idempotency_key(self, installation: int) -> str:
        """The same for every copy; another one for the salon's next installation."""
        text = json.dumps(
            [self.event_type, self.salon_id, self.payload, installation],
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        return hashlib.sha256(text.encode()).hexdigest()


def storable(value: Any, depth: int = 0) -> Any:
    """JSON without what Postgres refuses: NUL, halves of characters, numbers that are none.

    Raises AppError(INVALID_REQUEST) for what is nested deeper than anything YClients sends.
    """
    if depth > MAX_DEPTH:
        raise AppError(ErrorCode.INVALID_REQUEST)
    match value:
        case str():
            return text_of(value)
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {text_of(name): storable(item, depth + 1) for name, item in value.items()}
        case list():
            return [storable(item, depth + 1) for item in value]
        case _:
            return value


def text_of(value: str) -> str:
    return value.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")
