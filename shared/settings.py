"""What both processes read from the environment, once, checked before anything starts."""

import sys
from enum import StrEnum
from typing import Final, NoReturn, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIN_SECRET_LENGTH: Final = 32
MIN_DISTINCT_CHARACTERS: Final = 10
EXIT_CONFIGURATION: Final = 78
"""EX_CONFIG of sysexits.h: a supervisor can tell a bad setting from a crash."""


class Environment(StrEnum):
    PRODUCTION = "production"
    DEVELOPMENT = "development"
    TEST = "test"


class LogSettings(BaseSettings):
    model_config = SettingsConfigDict(case_sensitive=False, extra="ignore", frozen=True)

    log_level: str = Field(default="info", pattern=r"^(debug|info|warning|error)$")
    log_format: str = Field(default="json", pattern=r"^(json|console)$")

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _in_small_letters(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


class CommonSettings(LogSettings):
    environment: Environment = Environment.PRODUCTION
    database_url: SecretStr = Field(min_length=1)
    redis_url: SecretStr = Field(min_length=1)
    database_pool_size: int = Field(default=10, ge=1, le=200)
    sentry_dsn: SecretStr = SecretStr("")
    shutdown_timeout_s: float = Field(default=8.0, gt=0, le=60)

    @property
    def production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @model_validator(mode="after")
    def _check_urls(self) -> Self:
        from shared.bus.connection import is_redis_url  # noqa: PLC0415 - linkers need no Redis

        require_postgres_url("DATABASE_URL", self.database_url)
        redis_url = self.redis_url.get_secret_value()
        if not redis_url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("REDIS_URL must start with redis://, rediss:// or unix://")
        if not is_redis_url(redis_url):
            raise ValueError("REDIS_URL has a port or an option that Redis clients do not know")
        return self

    @field_validator("sentry_dsn")
    @classmethod
    def _check_dsn(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            return value
        from sentry_sdk.utils import BadDsn, Dsn  # noqa: PLC0415 - slow, and for whoever has one

        try:
            _ = Dsn(value.get_secret_value())
        except (BadDsn, ValueError):
            raise ValueError("is not a DSN such as https://key@sentry.example.com/1") from None
        return value


def require_postgres_url(variable: str, url: SecretStr) -> None:
    """Raises ValueError, naming the variable and what is wrong, never the value."""
    from shared.db import is_postgres_url  # noqa: PLC0415 - linkers need no database client

    text = url.get_secret_value()
    if not text.startswith(("postgres://", "postgresql://")):
        raise ValueError(f"{variable} must start with postgres:// or postgresql://")
    if not is_postgres_url(text):
        raise ValueError(f"{variable} has a port or an option that Postgres does not know")


def require_strong(
    variable: str, secret: SecretStr, *, min_length: int = MIN_SECRET_LENGTH
) -> None:
    """Raises ValueError, naming the variable and what is wrong, never the value."""
    value = secret.get_secret_value()
    advice = f"set it to at least {min_length} random characters"
    if not value:
        raise ValueError(f"{variable} is missing: {advice}")
    if len(value) < min_length or len(set(value)) < MIN_DISTINCT_CHARACTERS:
        raise ValueError(f"{variable} is too weak: {advice}")


S = TypeVar("S", bound=CommonSettings)


def load_settings(kind: type[S]) -> S:
    """Read the environment; a fault ends the process with one line that names the variable."""
    try:
        return kind()
    except ValidationError as error:
        _refuse(error)


def _refuse(error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False, include_input=False)[0]
    variable = ".".join(str(part) for part in first["loc"]).upper()
    text = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        text = f"{variable} is missing"
    elif variable:
        text = f"{variable}: {text}"
    sys.stderr.write(f"configuration: {text}\n")
    raise SystemExit(EXIT_CONFIGURATION)
