"""``python -m whatsapp_service.proxies``: which way each salon's WhatsApp connections go.

list                     every salon that does not go the default way
set company_1001 [URL]   through this proxy; without URL it is read from standard input, which
                         keeps its password out of the shell's history
direct company_1001      through none, although there is a default proxy
clear company_1001       the default way again

Needs DATABASE_URL. A running process follows within half a minute. Never shows a password.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Final

from shared.company_id import parse_session_id
from shared.db import DatabaseError, connect_alone
from shared.errors import AppError
from shared.settings import EXIT_CONFIGURATION
from whatsapp_service.proxy_url import ProxyUrl, ProxyUrlError
from whatsapp_service.store import proxies
from whatsapp_service.store.proxies import StoredRoute

DEADLINE_S: Final = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 the database could not be used, 2 bad arguments, 78 no DATABASE_URL."""
    chosen = _parser().parse_args(arguments)
    try:
        order = _order(chosen)
    except AppError:
        return _complain("the salon's session is written company_1001", 2)
    except ProxyUrlError as error:
        return _complain(f"the URL {error}", 2)
    database_url = os.environ.get("DATABASE_URL", "")
    if not database_url:
        return _complain("DATABASE_URL is missing", EXIT_CONFIGURATION)
    try:
        answer = asyncio.run(_carry_out(chosen.order, order, database_url))
    except (DatabaseError, TimeoutError) as error:
        return _complain(f"the database cannot be used: {type(error).__name__}", 1)
    sys.stdout.write(answer)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m whatsapp_service.proxies",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    orders = parser.add_subparsers(dest="order", required=True)
    orders.add_parser("list")
    for name in ("set", "direct", "clear"):
        orders.add_parser(name).add_argument("salon")
    orders.choices["set"].add_argument("url", nargs="?")
    return parser


def _order(chosen: argparse.Namespace) -> StoredRoute | None:
    """None for ``list``. Raises AppError, ProxyUrlError."""
    if chosen.order == "list":
        return None
    session_id = parse_session_id(chosen.salon)
    if chosen.order != "set":
        return StoredRoute(session_id, None)
    text = sys.stdin.readline() if chosen.url is None else chosen.url
    return StoredRoute(session_id, ProxyUrl.parse(text).full)


async def _carry_out(order: str, route: StoredRoute | None, database_url: str) -> str:
    async with asyncio.timeout(DEADLINE_S):
        async with await connect_alone(database_url) as connection:
            if route is None:
                return "".join(map(_line, await proxies.all_routes(connection)))
            if order == "clear":
                known = await proxies.delete_route(connection, route.session_id)
                return f"{route.session_id} {'default' if known else 'default already'}\n"
            await proxies.save_route(connection, route)
            return _line(route)


def _line(route: StoredRoute) -> str:
    return f"{route.session_id} {_shown(route.url)}\n"


def _shown(url: str | None) -> str:
    try:
        return ProxyUrl.parse(url).masked if url is not None else "direct"
    except ProxyUrlError:
        return "unusable: set it again"


def _complain(text: str, status: int) -> int:
    sys.stderr.write(f"proxies: {text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
