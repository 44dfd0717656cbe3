"""``python -m sandbox.salon_portal --port 3001 --api-url http://127.0.0.1:3000``.

Signs with YCLIENTS_PARTNER_TOKEN, which the API process must have as well.
"""

import argparse
import os
import sys

import uvicorn

from sandbox.salon_portal.app import build_app

LOOPBACK = "127.0.0.1"
STOP_TIMEOUT_S = 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.salon_portal")
    parser.add_argument("--port", type=int, default=3001)
    parser.add_argument("--api-url", default="http://127.0.0.1:3000")
    arguments = parser.parse_args()
    partner_token = os.environ.get("YCLIENTS_PARTNER_TOKEN", "")
    if not partner_token:
        sys.stderr.write("salon portal: YCLIENTS_PARTNER_TOKEN is missing\n")
        return 78
    uvicorn.run(
        build_app(arguments.api_url.rstrip("/"), partner_token),
        host=LOOPBACK,
        port=arguments.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
