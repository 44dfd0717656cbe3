"""``python -m sandbox.proxy --port 1080 --user u --password p``: a proxy to try settings with."""

import argparse
import asyncio
import contextlib

from sandbox.proxy.dialect import Credentials
from sandbox.proxy.server import ProxyServer


async def serve(port: int, credentials: Credentials | None) -> None:
    async with ProxyServer(credentials, port) as proxy:
        print(proxy.url("socks5"), proxy.url("http"), flush=True)  # noqa: T201 - where it is
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.proxy")
    parser.add_argument("--port", type=int, default=1080)
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    chosen = parser.parse_args()
    credentials = Credentials(chosen.user, chosen.password) if chosen.user else None
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(chosen.port, credentials))


if __name__ == "__main__":
    main()
