"""What each program of the demo is started with."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from sandbox.run.child import ChildSpec
from sandbox.run.data_folder import Secrets
from sandbox.run.procfile import read_procfile
from sandbox.run.settings import ROOT, RunSettings

SERVERS, WORLD, PROCESSES = range(3)
"""Tiers: what is stopped later is needed by what is stopped earlier."""

# Together under the ten seconds that Ctrl-C may take.
SERVER_STOP_S: Final = 1.5
WORLD_STOP_S: Final = 1.0
PROCESS_STOP_S: Final = 7.0
PROCESS_SHUTDOWN_S: Final = 5.0

APP_ID: Final = 1


def environment(settings: RunSettings, generated: Secrets) -> dict[str, str]:
    """Return what the programs read, over what this process was started with.

    A variable that the developer has set wins.
    """
    ours = {
        "ENVIRONMENT": "development",
        "LOG_FORMAT": "console",
        "JWT_SECRET": generated.jwt_secret,
        "YCLIENTS_PARTNER_TOKEN": generated.yclients_partner_token,
        "YCLIENTS_USER_TOKEN": generated.yclients_user_token,
        "YCLIENTS_APP_ID": str(APP_ID),
        "YCLIENTS_URL": settings.portal_url,
        "ENCRYPTION_KEYS": generated.encryption_keys,
        "HEALTH_CHECK_TOKEN": generated.health_check_token,
        "PUBLIC_URL": settings.api_url,
        "SHUTDOWN_TIMEOUT_S": str(PROCESS_SHUTDOWN_S),
        "API_HOST": settings.api_host,
    }
    given = {name: value for name, value in os.environ.items() if value}
    return {
        **ours,
        **given,
        "API_PORT": str(settings.api_port),
        "WHATSAPP_PORT": str(settings.whatsapp_port),
        "PYTHONUNBUFFERED": "1",
        # A Procfile says `python`: that of this environment.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{given.get('PATH', os.defpath)}",
    }


def whatsapp_network(
    settings: RunSettings, folder: Path, environment: Mapping[str, str]
) -> ChildSpec:
    arguments = {
        "--control-port": str(settings.phone_port),
        "--data-dir": str(folder / "whatsapp-network"),
        "--client-library": str(folder / "client-library"),
    }
    spec = _world("network", "sandbox.whatsapp_network", arguments, environment)
    return replace(spec, announces=True)


def yclients(settings: RunSettings, folder: Path, environment: Mapping[str, str]) -> ChildSpec:
    arguments = {
        "--port": str(settings.portal_port),
        "--api-url": settings.api_url,
        "--state": str(folder / "yclients.json"),
    }
    return _world("yclients", "sandbox.yclients", arguments, environment)


def processes(environment: Mapping[str, str], client_library: str) -> list[ChildSpec]:
    """The Procfile's processes. They find the library's copy before the installed one."""
    path = os.pathsep.join(filter(None, [client_library, environment.get("PYTHONPATH")]))
    return [
        ChildSpec(
            name=name,
            argv=("/bin/sh", "-c", f"exec {command}"),
            environment={**environment, "PYTHONPATH": path},
            tier=PROCESSES,
            stop_timeout_s=PROCESS_STOP_S,
            cwd=ROOT,
        )
        for name, command in read_procfile(ROOT / "Procfile").items()
    ]


def _world(
    name: str, module: str, arguments: Mapping[str, str], environment: Mapping[str, str]
) -> ChildSpec:
    options = (text for pair in arguments.items() for text in pair)
    return ChildSpec(
        name=name,
        argv=(sys.executable, "-m", module, *options),
        environment=environment,
        tier=WORLD,
        stop_timeout_s=WORLD_STOP_S,
        cwd=ROOT,
    )
