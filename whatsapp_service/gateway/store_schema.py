"""The library's tables, made by the library."""

import re
from typing import Final

import structlog

from whatsapp_service.gateway.library import Library

_log = structlog.get_logger(__name__)

_DEVICES: Final = "|\u0001|"
_DEVICE: Final = re.compile(r"[^@]+@.*,(true|false)", re.DOTALL)
_UNREADABLE_DEVICE: Final = re.compile(r"failed to scan session|illegal length")


class SchemaError(Exception):
    """The library could not make its tables; the text is the library's."""


def is_unreadable(text: str) -> bool:
    """Whether the library's error speaks of a device's row that it cannot read."""
    return _UNREADABLE_DEVICE.search(text) is not None


def make_tables(library: Library, store_url: str) -> None:
    """Create or upgrade them; must be alone on a database while it does. Blocks.

    The call lists all devices, which is how the library's tables are made without a client. Its
    own Python reads the answer wrongly: it fails on a name with a comma in it, and takes an
    error's text for a device. A device that the library cannot read is its own salon's trouble: the
    tables are there when it says so.
    """
    answer: str = library.list_devices(store_url)
    if answer.startswith("error: ") and is_unreadable(answer):
        _log.error("stored_device_unreadable")
        return
    if answer and not all(_DEVICE.fullmatch(device) for device in answer.split(_DEVICES)):
        raise SchemaError(answer)
