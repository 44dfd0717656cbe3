"""A copy of the installed neonize that talks to this network instead of WhatsApp.

The shipped Go library holds the chat server's address and the pinned root key as plain bytes;
the copy differs in these two places only, so what runs is the real client. Everything else in
the copy is a link to the installed package. The library is never kept with the project.
"""

import hashlib
import shutil
import tempfile
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Final

EXPECTED_VERSION: Final = "0.5.2"
PACKAGE: Final = "neonize"
CHAT_URL: Final = b"wss://web.whatsapp.com/ws/chat"
ROOT_KEY: Final = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")


class ClientLibraryError(Exception):
    """The installed library cannot be copied faithfully."""


def build_client_library(dest: Path, chat_port: int, root_public_key: bytes) -> Path:
    """Return the folder to put first on `PYTHONPATH`, built under `dest` if it is not there yet.

    Port, key and version make its name, so that a folder once built never changes. Raise
    `ClientLibraryError` when the installed library is not the one this was made for.
    """
    package = Path(str(distribution(PACKAGE).locate_file(PACKAGE)))
    installed = version(PACKAGE)
    identity = f"{package}|{installed}|{chat_port}|{root_public_key.hex()}"
    folder = dest / f"{PACKAGE}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        dest.mkdir(parents=True, exist_ok=True)
        _build(package, folder, _replacements(chat_port, root_public_key), installed)
    return folder


def patch(library: bytes, replacements: dict[bytes, bytes], installed: str) -> bytes:
    """Replace each byte string, which must be there exactly once; raise `ClientLibraryError`."""
    for original, replacement in replacements.items():
        found = library.count(original)
        if found != 1 or len(original) != len(replacement):
            raise ClientLibraryError(
                f"neonize {installed} holds {original[:12]!r}… {found} times instead of once; "
                f"the network was made for neonize {EXPECTED_VERSION}"
            )
        library = library.replace(original, replacement)
    return library


def _replacements(chat_port: int, root_public_key: bytes) -> dict[bytes, bytes]:
    url = f"ws://127.0.0.1:{chat_port}/ws/chat?".encode()
    return {CHAT_URL: url.ljust(len(CHAT_URL), b"x"), ROOT_KEY: root_public_key}


def _build(package: Path, folder: Path, replacements: dict[bytes, bytes], installed: str) -> None:
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    try:
        (temporary / PACKAGE).mkdir()
        _fill(package, temporary / PACKAGE, replacements, installed)
        temporary.chmod(0o755)
        temporary.rename(folder)
    except OSError:
        # Somebody else built the same folder meanwhile: theirs is as good.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fill(package: Path, copy: Path, replacements: dict[bytes, bytes], installed: str) -> None:
    libraries = list(package.glob("*.so"))
    if len(libraries) != 1:
        raise ClientLibraryError(
            f"neonize {installed} has {len(libraries)} libraries for Linux instead of one; "
            "the sandbox runs on Linux x86-64"
        )
    for source in package.iterdir():
        if source in libraries:
            (copy / source.name).write_bytes(patch(source.read_bytes(), replacements, installed))
        elif source.name != "__pycache__":
            (copy / source.name).symlink_to(source)
