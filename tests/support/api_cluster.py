"""Two API processes over one Redis and one Postgres."""

from dataclasses import dataclass

import httpx2

from sandbox.services.loopback import NOBODY
from sandbox.services.ports import free_port
from tests.support.api import ADMIN_TOKEN, JWT_SECRET, PARTNER_TOKEN
from tests.support.api_process import HEARD_BY_PAGES
from tests.support.processes import ServiceProcess, Starter

PROCESSES = 2


@dataclass(frozen=True)
class ApiCluster:
    processes: list[ServiceProcess]
    addresses: list[str]

    @property
    def urls(self) -> list[str]:
        return [f"http://{address}" for address in self.addresses]

    async def post_qr(self, number: int, token: str) -> httpx2.Response:
        """Ask the process of that number, from 0."""
        async with httpx2.AsyncClient(verify=NOBODY, timeout=30, trust_env=False) as http:
            return await http.post(
                f"{self.urls[number]}/marketplace/api/qr",
                headers={"Authorization": f"Bearer {token}"},
            )


def start_api_cluster(
    start_process: Starter, database_url: str, redis_url: str, **environment: str
) -> ApiCluster:
    cluster = ApiCluster([], [f"127.0.0.1:{free_port()}" for _ in range(PROCESSES)])
    for address in cluster.addresses:
        cluster.processes.append(
            start_process(
                "api_service",
                {
                    "ENVIRONMENT": "test",
                    "DATABASE_URL": database_url,
                    "REDIS_URL": redis_url,
                    "API_PORT": address.split(":")[1],
                    "JWT_SECRET": JWT_SECRET,
                    "YCLIENTS_PARTNER_TOKEN": PARTNER_TOKEN,
                    "YCLIENTS_APP_ID": "77",
                    "ADMIN_TOKEN": ADMIN_TOKEN,
                    "CONNECTIONS_PER_TOKEN_PER_MINUTE": "1000",
                    "CONNECTIONS_PER_ADDRESS_PER_MINUTE": "10000",
                    **environment,
                },
            )
        )
    for process, url in zip(cluster.processes, cluster.urls, strict=True):
        process.wait_healthy(f"{url}/metrics")
        process.wait_listening(url, *HEARD_BY_PAGES)
    return cluster
