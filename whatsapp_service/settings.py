"""What the WhatsApp process reads from its environment."""

from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.settings import CommonSettings, require_postgres_url
from whatsapp_service.gateway.store_url import libpq_store_url, library_store_url
from whatsapp_service.proxy_url import ProxyUrl, ProxyUrlError
from whatsapp_service.sessions.breaker import Patience


class WhatsAppSettings(CommonSettings):
    """``whatsapp_store_url`` is where the library keeps credentials; by default our database.

    ``whatsapp_store_schema_url`` is the same database, reached in a way on which tables can be
    made: Postgres itself when the store is reached through PgBouncer. By default the store's.
    """

    whatsapp_host: str = "127.0.0.1"
    whatsapp_port: int = Field(default=3003, ge=0, le=65535)
    whatsapp_store_url: SecretStr = SecretStr("")
    whatsapp_store_schema_url: SecretStr = SecretStr("")
    device_name: str = Field(default="AI Admin", min_length=1, max_length=50)
    linker_capacity: int = Field(default=10, ge=1, le=200)
    linker_spares: int = Field(default=1, ge=0, le=20)
    linker_queue_limit: int = Field(default=100, ge=0, le=10_000)
    restore_concurrency: int = Field(default=5, ge=1, le=100)
    whatsapp_proxy_url: SecretStr = SecretStr("")
    proxy_follow_s: float = Field(default=20.0, gt=0, le=3600)
    line_check_s: float = Field(default=45.0, ge=0.2, le=60)
    line_answer_s: float = Field(default=10.0, ge=0.1, le=15)
    machine_id: str = Field(default="", max_length=64)
    hand_over_timeout_s: float = Field(default=60.0, ge=0, le=600)
    retire_after_clients: int = Field(default=1_000, ge=1, le=100_000)
    session_sweep_s: float = Field(default=30.0, ge=0.1, le=3600)
    reconnect_first_s: float = Field(default=2.0, ge=0.01, le=60)
    reconnect_slow_s: float = Field(default=300.0, ge=0.1, le=3600)
    connection_stable_s: float = Field(default=30.0, ge=0.1, le=600)

    @property
    def store_url(self) -> str:
        """In the form the library takes."""
        return library_store_url(self._store)

    @property
    def store_schema_url(self) -> str:
        """In the form the library takes."""
        return library_store_url(self.whatsapp_store_schema_url.get_secret_value() or self._store)

    @property
    def credentials_url(self) -> str:
        """The store, in the form our own pool takes."""
        return libpq_store_url(self._store)

    @property
    def _store(self) -> str:
        return self.whatsapp_store_url.get_secret_value() or self.database_url.get_secret_value()

    @property
    def default_route(self) -> ProxyUrl | None:
        """The way of salons that have none of their own; None is directly."""
        url = self.whatsapp_proxy_url.get_secret_value()
        return ProxyUrl.parse(url) if url else None

    @property
    def patience(self) -> Patience:
        return Patience(self.reconnect_first_s, self.reconnect_slow_s, self.connection_stable_s)

    @model_validator(mode="after")
    def _check_proxy(self) -> Self:
        try:
            _ = self.default_route
        except ProxyUrlError as error:
            raise ValueError(f"WHATSAPP_PROXY_URL {error}") from None
        return self

    @model_validator(mode="after")
    def _check_store(self) -> Self:
        for variable, value in (
            ("WHATSAPP_STORE_URL", self.whatsapp_store_url),
            ("WHATSAPP_STORE_SCHEMA_URL", self.whatsapp_store_schema_url),
        ):
            if value.get_secret_value():
                require_postgres_url(variable, SecretStr(libpq_store_url(value.get_secret_value())))
        return self
