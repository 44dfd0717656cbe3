"""Fixtures for every test."""

from tests.support.distribution import (
    pytest_collection_modifyitems,
    pytest_xdist_make_scheduler,
)
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

__all__ = [
    "database_url",
    "empty_database_url",
    "migrated_template",
    "no_leaked_keys",
    "postgres_server",
    "pytest_collection_modifyitems",
    "pytest_xdist_make_scheduler",
    "redis_url",
    "run",
    "start_process",
    "valkey_url",
]
