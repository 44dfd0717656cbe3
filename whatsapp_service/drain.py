"""``python -m whatsapp_service.drain``: WhatsApp processes, and emptying one that goes on running.

list              every process: its id, how many sessions it has, since when it is silent
start PROCESS     it hands its sessions over to the others and takes none; link attempts end first
stop PROCESS      it takes sessions again

Needs DATABASE_URL. The process follows within a few seconds. To stop one, SIGTERM does the same.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Final

from shared.db import DatabaseError, connect_alone
from shared.settings import EXIT_CONFIGURATION
from whatsapp_service.store import processes
from whatsapp_service.store.processes import Process

DEADLINE_S: Final = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 the database could not be used, 2 no such process, 78 no DATABASE_URL."""
    chosen = _parser().parse_args(arguments)
    database_url = os.environ.get("DATABASE_URL", "")
    if not database_url:
        return _complain("DATABASE_URL is missing", EXIT_CONFIGURATION)
    try:
        answer = asyncio.run(_carry_out(chosen, database_url))
    except (DatabaseError, TimeoutError) as error:
        return _complain(f"the database cannot be used: {type(error).__name__}", 1)
    if answer is None:
        return _complain("there is no such process: see list", 2)
    sys.stdout.write(answer)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m whatsapp_service.drain",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    orders = parser.add_subparsers(dest="order", required=True)
    orders.add_parser("list")
    for order in ("start", "stop"):
        orders.add_parser(order).add_argument("process")
    return parser


async def _carry_out(chosen: argparse.Namespace, database_url: str) -> str | None:
    """None when there is no such process."""
    async with asyncio.timeout(DEADLINE_S):
        async with await connect_alone(database_url) as connection:
            if chosen.order != "list":
                draining = chosen.order == "start"
                if not await processes.set_draining(connection, chosen.process, draining=draining):
                    return None
            town = await processes.look_around(connection)
    return "".join(map(_line, town.processes)) + f"free sessions: {town.free}\n"


def _line(process: Process) -> str:
    mark = " draining" if process.draining else ""
    if process.reaches_redis is False:
        mark += " without Redis"
    silent = f"silent: {process.silent_s:.0f} s"
    return f"{process.process_id} sessions: {process.sessions}, {silent}{mark}\n"


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"drain: {text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
