"""WhatsApp's protobuf messages, as neonize ships them, without loading neonize's Go library.

The generated modules import one another as top-level modules from their own folder, so that
folder stands on `sys.path` while they load. Where the real neonize is in the process too, both
share the descriptors, and the classes are the same.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import distribution
from typing import Any


@contextmanager
def _generated_modules() -> Iterator[None]:
    folder = str(distribution("neonize").locate_file("neonize/proto"))
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


with _generated_modules():
    _adv: Any = import_module("waAdv.WAAdv_pb2")
    _cert: Any = import_module("waCert.WACert_pb2")
    _companion: Any = import_module("waCompanionReg.WACompanionReg_pb2")
    _e2e: Any = import_module("waE2E.WAWebProtobufsE2E_pb2")
    _history: Any = import_module("waHistorySync.WAWebProtobufsHistorySync_pb2")
    _wa6: Any = import_module("waWa6.WAWebProtobufsWa6_pb2")

ADVDeviceIdentity: Any = _adv.ADVDeviceIdentity
ADVSignedDeviceIdentity: Any = _adv.ADVSignedDeviceIdentity
ADVSignedDeviceIdentityHMAC: Any = _adv.ADVSignedDeviceIdentityHMAC
CertChain: Any = _cert.CertChain
ClientPayload: Any = _wa6.ClientPayload
DeviceProps: Any = _companion.DeviceProps
HandshakeMessage: Any = _wa6.HandshakeMessage
HistorySync: Any = _history.HistorySync
Message: Any = _e2e.Message
