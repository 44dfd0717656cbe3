"""The statements of the ``.sql`` files beside this module, read once."""

from pathlib import Path
from typing import Final

from shared.db import load_queries

_QUERIES: Final = {
    name: statement
    for path in sorted(Path(__file__).parent.glob("*.sql"))
    for name, statement in load_queries(path).items()
}


def query(name: str) -> str:
    """Raises KeyError for a name that is in none of the files."""
    return _QUERIES[name]
