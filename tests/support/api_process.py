"""The API process as it runs for real, killed and started again as by a supervisor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import httpx2

from sandbox.services.loopback import NOBODY
from sandbox.services.ports import free_port
from shared.bus import keys
from tests.support.api import JWT_SECRET, PARTNER_TOKEN
from tests.support.processes import ServiceProcess, Starter

HEARD_BY_PAGES: Final = (keys.EVENTS_CHANNEL, keys.ACTIVATION_CHANNEL)
"""A page that comes before its process listens to them is told its state once more."""


@dataclass
class ApiProcess:
    """Always on the same port."""

    environment: dict[str, str]
    start_process: Starter
    process: ServiceProcess = field(init=False)

    @classmethod
    def beside(cls, whatsapp: Mapping[str, str], start_process: Starter) -> Self:
        """Over the same Redis and Postgres as a WhatsApp process of that environment."""
        shared = {name: whatsapp[name] for name in ("DATABASE_URL", "REDIS_URL")}
        own = {
            "ENVIRONMENT": "test",
            "API_PORT": str(free_port()),
            "JWT_SECRET": JWT_SECRET,
            "YCLIENTS_PARTNER_TOKEN": PARTNER_TOKEN,
            "YCLIENTS_APP_ID": "77",
            "CONNECTIONS_PER_ADDRESS_PER_MINUTE": "1000",
        }
        return cls({**shared, **own}, start_process)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['API_PORT']}"

    def start(self) -> None:
        self.process = self.start_process("api_service", self.environment)
        self.process.wait_healthy(f"{self.url}/health")
        self.process.wait_listening(self.url, *HEARD_BY_PAGES)

    def kill(self) -> None:
        self.process.kill()

    async def answers(self, path: str, status: int) -> bool:
        async with httpx2.AsyncClient(verify=NOBODY, trust_env=False, timeout=30) as http:
            return (await http.get(f"{self.url}{path}")).status_code == status
