"""The certificate chain by which the server proves its Noise key: root → intermediate → leaf."""

import time
from typing import Final

from sandbox.whatsapp_network.curve25519 import KeyPair
from sandbox.whatsapp_network.protobufs import CertChain

ROOT_SERIAL: Final = 0
INTERMEDIATE_SERIAL: Final = 1
LEAF_SERIAL: Final = 2
_DAY_S: Final = 86_400
_VALID_DAYS: Final = 365


class Authority:
    """Owns the root key that clients pin and issues the chain for a fresh Noise static key."""

    def __init__(self, root: KeyPair) -> None:
        self.root = root
        self.static = KeyPair()
        intermediate = KeyPair()
        chain = CertChain(
            intermediate=_issue(intermediate.public, INTERMEDIATE_SERIAL, ROOT_SERIAL, root),
            leaf=_issue(self.static.public, LEAF_SERIAL, INTERMEDIATE_SERIAL, intermediate),
        )
        self.chain: bytes = chain.SerializeToString()


def _issue(public: bytes, serial: int, issuer_serial: int, issuer: KeyPair) -> object:
    now = int(time.time())
    details = CertChain.NoiseCertificate.Details(
        serial=serial,
        issuerSerial=issuer_serial,
        key=public,
        notBefore=now - _DAY_S,
        notAfter=now + _VALID_DAYS * _DAY_S,
    ).SerializeToString()
    return CertChain.NoiseCertificate(details=details, signature=issuer.sign(details))
