import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from sandbox.whatsapp_network.client_library import (
    CHAT_URL,
    EXPECTED_VERSION,
    ROOT_KEY,
    ClientLibraryError,
    build_client_library,
    patch,
)

KEY = bytes(range(32))


def library(folder: Path) -> bytes:
    (found,) = (folder / "neonize").glob("*.so")
    return found.read_bytes()


def test_copy_differs_in_address_and_root_key_only(tmp_path: Path) -> None:
    folder = build_client_library(tmp_path, 54321, KEY)
    original = library(Path(str(distribution("neonize").locate_file(""))))
    url = b"ws://127.0.0.1:54321/ws/chat?xx"[: len(CHAT_URL)]
    assert library(folder) == original.replace(CHAT_URL, url).replace(ROOT_KEY, KEY)
    assert len(url) == len(CHAT_URL)


def test_folder_is_built_once_per_port_and_key(tmp_path: Path) -> None:
    first = build_client_library(tmp_path, 50000, KEY)
    built_at = next((first / "neonize").glob("*.so")).stat().st_mtime_ns
    assert build_client_library(tmp_path, 50000, KEY) == first
    assert next((first / "neonize").glob("*.so")).stat().st_mtime_ns == built_at
    assert build_client_library(tmp_path, 50001, KEY) != first
    assert build_client_library(tmp_path, 50000, KEY[::-1]) != first
    assert not list(tmp_path.glob(".building-*"))


@pytest.mark.parametrize("content", [CHAT_URL, CHAT_URL + ROOT_KEY * 2, b""])
def test_library_that_is_not_the_expected_one_is_refused(content: bytes) -> None:
    replacements = {CHAT_URL: CHAT_URL, ROOT_KEY: KEY}
    with pytest.raises(ClientLibraryError, match=rf"neonize 9\.9.*{EXPECTED_VERSION}"):
        patch(content, replacements, "9.9")


def test_process_with_the_folder_on_its_path_imports_the_copy(tmp_path: Path) -> None:
    folder = build_client_library(tmp_path, 50000, KEY)
    found = subprocess.run(
        [sys.executable, "-c", "import neonize; print(neonize.__file__)"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(folder)
