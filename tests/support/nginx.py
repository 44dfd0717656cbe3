"""A real nginx with the project's example configuration, on ports and files of the test."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from sandbox.services.ports import free_port
from tests.support.processes import ROOT
from tests.support.waiting import block_until

EXAMPLE: Final = ROOT / "deploy" / "nginx.conf"
UNPACKED: Final = ROOT / "build" / "nginx" / "usr" / "sbin" / "nginx"
STOP_S: Final = 20.0

_MAIN: Final = """
daemon off;
pid {folder}/nginx.pid;
worker_processes 1;
error_log {folder}/main.log;
events {{ worker_connections {connections}; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def nginx_path() -> str:
    path = shutil.which("nginx") or (str(UNPACKED) if UNPACKED.exists() else None)
    if path is None:
        reason = "NO NGINX TESTS: there is no nginx; run tools/nginx.sh"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def example(folder: Path, upstreams: Sequence[str], listen: str) -> str:
    """The example, with the addresses and files of the test in place of its own."""
    text = EXAMPLE.read_text("utf-8")
    servers = "\n".join(f"server {each} max_fails=1 fail_timeout=5s;" for each in upstreams)
    text, replaced = re.subn(r"( *server 127\.0\.0\.1:\d+ [^\n]*\n)+", f"{servers}\n", text)
    assert replaced == 1
    assert text.count("listen 443 ssl;") == 1
    text = text.replace("listen 443 ssl;", f"listen {listen};")
    return text.replace("/var/log/nginx/", f"{folder}/")


def without_tls(text: str) -> str:
    return re.sub(r"^ *ssl_\w+ [^\n]*\n", "", text, flags=re.MULTILINE)


def write(folder: Path, site: str, connections: int = 2_000) -> Path:
    """The main file, which includes ``site``."""
    (folder / "site.conf").write_text(site, "utf-8")
    main = folder / "nginx.conf"
    main.write_text(_MAIN.format(folder=folder, connections=connections), "utf-8")
    return main


def check(folder: Path, site: str) -> None:
    """As ``nginx -t``; fails with what it says."""
    main = write(folder, site)
    done = subprocess.run(  # noqa: S603 - our own command line
        [nginx_path(), "-t", "-p", str(folder), "-c", str(main)],
        capture_output=True,
        timeout=30,
        check=False,
    )
    if done.returncode:
        pytest.fail(done.stderr.decode())


@contextlib.contextmanager
def running_nginx(
    folder: Path, upstreams: Sequence[str], *, sticky: bool = True, connections: int = 2_000
) -> Iterator[str]:
    """Its URL. Not sticky, it takes the processes in turn, request by request."""
    port = free_port()
    site = without_tls(example(folder, upstreams, f"127.0.0.1:{port}"))
    if not sticky:
        assert site.count("hash $remote_addr consistent;") == 1
        site = site.replace("hash $remote_addr consistent;", "")
    main = write(folder, site, connections)
    process = subprocess.Popen(  # noqa: S603 - our own command line
        [nginx_path(), "-p", str(folder), "-c", str(main)], stderr=subprocess.DEVNULL
    )
    try:
        block_until(lambda: (folder / "nginx.pid").exists() or process.poll(), what="nginx")
        assert process.poll() is None, (folder / "main.log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(STOP_S)


def logs(folder: Path) -> str:
    """All that it has written."""
    return "".join(path.read_text("utf-8") for path in folder.glob("*.log"))
