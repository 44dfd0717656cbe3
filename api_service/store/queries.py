"""The statements of ``queries.sql``, read once."""

from pathlib import Path
from typing import Final

from shared.db import load_queries

_QUERIES: Final = load_queries(Path(__file__).with_name("queries.sql"))


def query(name: str) -> str:
    """Raises KeyError for a name that is not in the file."""
    return _QUERIES[name]
