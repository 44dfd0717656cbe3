"""The library's tables, made by the library."""

import re
from typing import Final

from whatsapp_service.gateway.library import Library

_DEVICES: Final = "|\u0001|"
_DEVICE: Final = re.compile(r"[^@]+@.*,(true|false)", re.DOTALL)


class SchemaError(Exception):
    """The library could not make its tables; the text is the library's."""


def make_tables(library: Library, store_url: str) -> None:
    """Create or upgrade them; must be alone on a database while it does. Blocks.

    The call lists all devices, which is how the library's tables are made without a client. Its
    own Python reads the answer wrongly: it fails on a name with a comma in it, and takes an
    error's text for a device.
    """
    answer: str = library.list_devices(store_url)
    if answer and not all(_DEVICE.fullmatch(device) for device in answer.split(_DEVICES)):
        raise SchemaError(answer)
