"""Secrets that must be kept to be sent again: encrypted at rest, with keys that can be changed."""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from shared.errors import AppError, ErrorCode

_PURPOSE = b"ai-admin secrets at rest"


class Vault:
    """The first key encrypts, all of them decrypt.

    To change a key: put the new one first, start every process, run ``python -m api_service.admin
    rotate-keys``, take the old one out.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        fernets = [_fernet(key) for key in keys]
        self._fernet = MultiFernet(fernets) if fernets else None
        self._first = MultiFernet(fernets[:1]) if fernets else None

    def seal(self, secret: str) -> str:
        """Raises AppError(NOT_CONFIGURED) without a key."""
        return self._require().encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str | None:
        """None for what none of the keys has sealed. Raises AppError(NOT_CONFIGURED)."""
        try:
            return self._require().decrypt(sealed).decode()
        except InvalidToken:
            return None

    def reseal(self, sealed: str) -> str | None:
        """The same secret under the first key, as it is when it was; None as `open`."""
        fernet = self._require()
        if self._first is not None and _opens(self._first, sealed):
            return sealed
        try:
            return fernet.rotate(sealed).decode()
        except InvalidToken:
            return None

    def _require(self) -> MultiFernet:
        if self._fernet is None:
            raise AppError(ErrorCode.NOT_CONFIGURED)
        return self._fernet


def is_sealed(text: str) -> bool:
    """By its form: a Fernet token begins with its version, 0x80."""
    return text.startswith("gAAAA")


def _opens(fernet: MultiFernet, sealed: str) -> bool:
    try:
        fernet.decrypt(sealed)
    except InvalidToken:
        return False
    return True


def _fernet(key: SecretStr) -> Fernet:
    """A key is any text of enough random characters, such as ``openssl rand -hex 32`` gives."""
    derived = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE)
    return Fernet(base64.urlsafe_b64encode(derived.derive(key.get_secret_value().encode())))
