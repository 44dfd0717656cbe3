"""Fixtures for every test."""

import anyio

from tests.support.make_run import run
from tests.support.processes import start_process
from tests.support.services import (
    database_url,
    empty_database_url,
    migrated_template,
    no_leaked_keys,
    postgres_server,
    redis_url,
    valkey_url,
)

# anyio imports its parts when they are first used, and pytest compiles them anew: from deep inside
# a server's tasks Python 3.11 may then fail ("AST constructor recursion depth mismatch").
for _part in dir(anyio):
    getattr(anyio, _part)

__all__ = [
    "database_url",
    "empty_database_url",
    "migrated_template",
    "no_leaked_keys",
    "postgres_server",
    "redis_url",
    "run",
    "start_process",
    "valkey_url",
]
