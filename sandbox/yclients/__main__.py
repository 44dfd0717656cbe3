"""``python -m sandbox.yclients --port 3001 --api-url http://127.0.0.1:3000``.

Reads YCLIENTS_PARTNER_TOKEN and YCLIENTS_APP_ID, as the API process does.
"""

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from sandbox.yclients.app import build_app
from sandbox.yclients.portal.salons import SALONS

LOOPBACK = "127.0.0.1"
STOP_TIMEOUT_S = 1
EXIT_CONFIGURATION = 78


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.yclients")
    parser.add_argument("--port", type=int, default=3001)
    parser.add_argument("--api-url", default="http://127.0.0.1:3000")
    parser.add_argument("--state", type=Path, help="a file in which connections are kept")
    parser.add_argument("--no-rate-limit", action="store_true")
    arguments = parser.parse_args()
    partner_token = os.environ.get("YCLIENTS_PARTNER_TOKEN", "")
    application_id = os.environ.get("YCLIENTS_APP_ID", "")
    if not partner_token or not application_id.isdecimal():
        sys.stderr.write("yclients: YCLIENTS_PARTNER_TOKEN or YCLIENTS_APP_ID is missing\n")
        return EXIT_CONFIGURATION
    app, world = build_app(
        arguments.api_url.rstrip("/"), partner_token, int(application_id), arguments.state
    )
    world.limit.enforced = not arguments.no_rate_limit
    for salon in SALONS.values():
        world.connections.add(salon)
    uvicorn.run(
        app,
        host=LOOPBACK,
        port=arguments.port,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
