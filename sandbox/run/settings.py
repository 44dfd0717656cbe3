"""What a developer may change about ``make run``, all by environment variables."""

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sandbox.services.errors import SandboxError
from sandbox.services.ports import LOOPBACK, holder_of, is_free

ROOT: Final = Path(__file__).resolve().parents[2]
EVERY_ADDRESS: Final = ("", "0.0.0.0", "::")  # noqa: S104 - recognised, never bound to

Port = Annotated[int, Field(ge=1, le=65535)]


class RunSettings(BaseSettings):
    """Each field is a variable of the same name in capitals.

    With `database_url` or `redis_url` set, that server is used instead of an embedded one.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    aiadmin_data_dir: Path = ROOT / "var"
    database_url: str | None = None
    redis_url: str | None = None
    api_host: str = LOOPBACK
    api_port: Port = 3000
    whatsapp_port: Port = 3003
    portal_port: Port = 3001
    phone_port: Port = 3002

    @classmethod
    def from_environment(cls) -> Self:
        """Raise SandboxError, naming the variable, when one makes no sense."""
        try:
            return cls()
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            variable = str(fault["loc"][0]).upper()
            raise SandboxError(f"{variable}: {fault['msg']}.", "Change or unset it.") from None

    @property
    def api_url(self) -> str:
        """Where this machine's browser finds the API process."""
        host = LOOPBACK if self.api_host in EVERY_ADDRESS else self.api_host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.api_port}"

    @property
    def whatsapp_url(self) -> str:
        return f"http://{LOOPBACK}:{self.whatsapp_port}"

    @property
    def portal_url(self) -> str:
        return f"http://{LOOPBACK}:{self.portal_port}"

    @property
    def phone_url(self) -> str:
        return f"http://{LOOPBACK}:{self.phone_port}"

    def check_ports(self) -> None:
        """Raise SandboxError when a port that people or scripts rely on is taken."""
        for variable in ("API_PORT", "PORTAL_PORT", "PHONE_PORT", "WHATSAPP_PORT"):
            port: int = getattr(self, variable.lower())
            host = self.api_host if variable == "API_PORT" else LOOPBACK
            if not is_free(port, host):
                raise SandboxError(
                    f"Port {port} is taken by {holder_of(port)}.",
                    f"Stop that program, or choose another port: {variable}={port + 100} make run",
                )
