"""``python -m sandbox.yclients --port 3001 --api-url http://127.0.0.1:3000``.

Reads YCLIENTS_PARTNER_TOKEN and YCLIENTS_APP_ID, as the API process does, and YCLIENTS_USER_TOKEN,
without which no call of the CRM is let in.
"""

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from sandbox.yclients.app import build_app
from sandbox.yclients.portal.salons import SALONS
from sandbox.yclients.world import Setup
from shared.http_server import KEEP_ALIVE_S

LOOPBACK = "127.0.0.1"
STOP_TIMEOUT_S = 1
EXIT_CONFIGURATION = 78


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.yclients")
    parser.add_argument("--port", type=int, default=3001)
    parser.add_argument("--api-url", default="http://127.0.0.1:3000")
    parser.add_argument(
        "--state", type=Path, help="a file in which connections and bookings are kept"
    )
    parser.add_argument("--no-rate-limit", action="store_true")
    arguments = parser.parse_args()
    partner_token = os.environ.get("YCLIENTS_PARTNER_TOKEN", "")
    application_id = os.environ.get("YCLIENTS_APP_ID", "")
    if not partner_token or not application_id.isdecimal():
        sys.stderr.write("yclients: YCLIENTS_PARTNER_TOKEN or YCLIENTS_APP_ID is missing\n")
        return EXIT_CONFIGURATION
    app, _ = build_app(
        Setup(
            api_url=arguments.api_url.rstrip("/"),
            partner_token=partner_token,
            application_id=int(application_id),
            user_token=os.environ.get("YCLIENTS_USER_TOKEN", ""),
            state=arguments.state,
            salons=tuple(SALONS.values()),
            rate_limit=not arguments.no_rate_limit,
        )
    )
    uvicorn.run(
        app,
        host=LOOPBACK,
        port=arguments.port,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
