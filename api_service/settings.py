"""What the API process reads from its environment."""

import re
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from api_service.yclients.access import certificates
from shared.settings import CommonSettings, require_strong

MIN_PARTNER_TOKEN_LENGTH: Final = 16
"""YClients chooses the partner token: 20 characters as a rule."""

_ORIGIN: Final = re.compile(r"https?://[a-z0-9.\-\[\]:]+(:\d+)?", re.IGNORECASE)

_HEADER: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")

CommaSeparated = Annotated[tuple[str, ...], NoDecode]


class ApiSettings(CommonSettings):
    """Every field is an environment variable of the same name in capitals.

    In production a missing or weak secret ends the process; elsewhere it may be absent, and what
    needs it answers NOT_CONFIGURED.
    """

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=3000, ge=0, le=65535)
    public_url: str = ""
    cors_origins: CommaSeparated = ()
    frame_ancestors: CommaSeparated = ("https://*.yclients.com", "https://*.yclients.ru")
    forwarded_allow_ips: str = "127.0.0.1"
    page_dir: Path = Path(__file__).parent / "frontend" / "dist"

    jwt_secret: SecretStr = SecretStr("")
    yclients_partner_token: SecretStr = SecretStr("")
    yclients_app_id: int | None = Field(default=None, ge=1)
    yclients_url: str = "https://api.yclients.com"
    yclients_marketplace_url: str = ""
    yclients_accept: str = "application/vnd.yclients.v2+json"
    yclients_ca_bundle: Path | None = None
    yclients_call_s: float = Field(default=30.0, gt=0, le=120)
    yclients_calls_per_second: int = Field(default=4, ge=1, le=5)
    yclients_calls_per_minute: int = Field(default=180, ge=1, le=200)
    yclients_breaker_failures: int = Field(default=5, ge=1)
    yclients_breaker_cool_down_s: float = Field(default=30.0, gt=0)
    encryption_keys: SecretStr = SecretStr("")
    require_pending_connection: bool = True
    use_transaction_activation: bool = False
    activation_rollout_percent: int = Field(default=100, ge=0, le=100)
    skip_yclients_callback: bool = False
    health_check_token: SecretStr = SecretStr("")
    admin_token: SecretStr = SecretStr("")

    connections_per_token_per_minute: int = Field(default=5, ge=1)
    connections_per_address_per_minute: int = Field(default=60, ge=1)
    admin_requests_per_minute: int = Field(default=100, ge=1)
    webhooks_per_salon_per_minute: int = Field(default=10, ge=1)
    collected_per_address_per_minute: int = Field(default=60, ge=1)
    webhook_patience_s: float = Field(default=0.12, gt=0, le=5)
    message_retention_days: int = Field(default=30, ge=0, le=3650)
    codes_per_number_per_10_minutes: int = Field(default=3, ge=1)
    codes_per_salon_per_hour: int = Field(default=10, ge=1)
    qr_deadline_s: float = Field(default=13.0, gt=0, le=60)
    code_deadline_s: float = Field(default=20.0, gt=0, le=60)
    breaker_failures: int = Field(default=5, ge=1)
    breaker_successes: int = Field(default=2, ge=1)
    breaker_cool_down_s: float = Field(default=60.0, gt=0)
    breaker_operation_s: float = Field(default=30.0, gt=0)

    @field_validator("cors_origins", "frame_ancestors", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("yclients_app_id", "yclients_ca_bundle", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        url = value.rstrip("/")
        if url and not _ORIGIN.fullmatch(url):
            raise ValueError("must be an origin such as https://connect.example.com")
        return url

    @field_validator("yclients_url", "yclients_marketplace_url")
    @classmethod
    def _check_yclients_url(cls, value: str) -> str:
        """Empty for the marketplace alone: it is where the rest is."""
        url = value.rstrip("/")
        if url and not _ORIGIN.fullmatch(url):
            raise ValueError("must be an origin such as https://api.yclients.com")
        return url

    @field_validator("yclients_accept")
    @classmethod
    def _check_accept(cls, value: str) -> str:
        if not _HEADER.fullmatch(value):
            raise ValueError("must be a header such as application/vnd.yclients.v2+json")
        return value

    @field_validator("yclients_partner_token")
    @classmethod
    def _check_partner_token(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("must be what stands in the developer's cabinet, without spaces")
        return value

    @field_validator("yclients_ca_bundle")
    @classmethod
    def _check_ca_bundle(cls, value: Path | None) -> Path | None:
        try:
            _ = value and certificates(value)
        except OSError:
            raise ValueError("must be a readable file of certificates in PEM form") from None
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("must hold origins such as https://example.com, comma-separated")
        return value

    @field_validator("frame_ancestors")
    @classmethod
    def _check_frame_ancestors(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(re.search(r"[;\s\x00-\x1f]", source) for source in value):
            raise ValueError("must hold CSP host sources, comma-separated")
        return value

    @model_validator(mode="after")
    def _require_secrets(self) -> Self:
        if not self.yclients_url:
            raise ValueError("YCLIENTS_URL is missing: set it to https://api.yclients.com")
        if not self.production:
            return self
        for url in (self.yclients_url, self.marketplace_url):
            if not url.startswith("https://"):
                raise ValueError("YCLIENTS_URL and YCLIENTS_MARKETPLACE_URL must be https://")
        require_strong("JWT_SECRET", self.jwt_secret)
        require_strong(
            "YCLIENTS_PARTNER_TOKEN",
            self.yclients_partner_token,
            min_length=MIN_PARTNER_TOKEN_LENGTH,
        )
        for key in self.vault_keys or [SecretStr("")]:
            require_strong("ENCRYPTION_KEYS", key)
        if not self.public_url:
            raise ValueError("PUBLIC_URL is missing: set it to the address that owners open")
        if not self.public_url.startswith("https://"):
            raise ValueError("PUBLIC_URL must be https://: what is sent there are tokens")
        if self.health_check_token.get_secret_value():
            require_strong("HEALTH_CHECK_TOKEN", self.health_check_token)
        if self.admin_token.get_secret_value():
            require_strong("ADMIN_TOKEN", self.admin_token)
        return self

    @property
    def marketplace_url(self) -> str:
        """Altegio has its marketplace elsewhere."""
        return self.yclients_marketplace_url or self.yclients_url

    @property
    def vault_keys(self) -> list[SecretStr]:
        """The first encrypts, all decrypt."""
        given = self.encryption_keys.get_secret_value().split(",")
        return [SecretStr(key.strip()) for key in given if key.strip()]

    @property
    def configured(self) -> dict[str, bool]:
        """Which of the variables that the marketplace needs are there; never their values."""
        return {
            "JWT_SECRET": bool(self.jwt_secret.get_secret_value()),
            "YCLIENTS_PARTNER_TOKEN": bool(self.yclients_partner_token.get_secret_value()),
            "YCLIENTS_APP_ID": self.yclients_app_id is not None,
            "ENCRYPTION_KEYS": bool(self.vault_keys),
            "DATABASE_URL": bool(self.database_url.get_secret_value()),
            "REDIS_URL": bool(self.redis_url.get_secret_value()),
        }

    @property
    def missing(self) -> list[str]:
        """What is not set and must be before a salon can be linked."""
        return [name for name, there in self.configured.items() if not there]
