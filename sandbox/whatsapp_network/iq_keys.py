"""Questions about Signal keys: a device's store of prekeys, and bundles to begin a session."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandbox.whatsapp_network.account import CURVE25519_TYPE, Account, Companion, SignedPreKey
from sandbox.whatsapp_network.curve25519 import KEY_BYTES
from sandbox.whatsapp_network.first_sync import send_first_sync
from sandbox.whatsapp_network.iq_error import IqError
from sandbox.whatsapp_network.jid import Jid
from sandbox.whatsapp_network.node import Node
from sandbox.whatsapp_network.registration import (
    PREKEY_ID_BYTES,
    REGISTRATION_ID_BYTES,
    RegistrationError,
    read_signed_prekey,
)

if TYPE_CHECKING:
    from sandbox.whatsapp_network.connection import Connection
    from sandbox.whatsapp_network.network import Network


def count(connection: "Connection", _iq: Node) -> Sequence[Node]:
    _, companion = connection.logged_in()
    return [Node("count", {"value": str(len(companion.prekeys))})]


def digest(connection: "Connection", _iq: Node) -> Sequence[Node]:
    _, companion = connection.logged_in()
    prekey_ids = [Node("id", content=_prekey_id(each)) for each in companion.prekeys]
    keys = _public_keys(companion.registration_id, companion.identity, companion.signed_prekey)
    checksum = hashlib.sha1(companion.identity, usedforsecurity=False).digest()
    content = [*keys, Node("list", content=prekey_ids), Node("hash", content=checksum)]
    return [Node("digest", content=content)]


def upload(connection: "Connection", iq: Node) -> Sequence[Node]:
    """Take one-time prekeys; the first upload tells the phone that its new device is ready."""
    account, companion = connection.logged_in()
    if iq.data("type") != CURVE25519_TYPE or iq.data("identity") != companion.identity:
        raise IqError(406, "not-acceptable")
    companion.signed_prekey = _signed_prekey(companion, iq.require("skey"))
    companion.prekeys |= dict(map(_prekey, iq.require("list").all("key")))
    connection.network.changed()
    if not companion.first_sync_sent:
        connection.spawn(send_first_sync(connection, account, companion), "first-sync")
    return ()


def rotate(connection: "Connection", iq: Node) -> Sequence[Node]:
    _, companion = connection.logged_in()
    companion.signed_prekey = _signed_prekey(companion, iq.require("rotate", "skey"))
    connection.network.changed()
    return ()


def bundles(connection: "Connection", iq: Node) -> Sequence[Node]:
    """Give what is needed to write to devices, and use up a one-time prekey of each."""
    network = connection.network
    users = [_bundle(network, user.jid("jid")) for user in iq.require("key").all("user")]
    network.changed()
    return [Node("list", content=users)]


def _bundle(network: "Network", jid: Jid) -> Node:
    account = network.find_account(jid)
    if account is None or (jid.device and jid.device not in account.companions):
        return Node("user", {"jid": jid}, [IqError(404, "item-not-found").node()])
    if jid.device:
        return Node("user", {"jid": jid}, _companion_bundle(account.companions[jid.device]))
    return Node("user", {"jid": jid}, _phone_bundle(account))


def _phone_bundle(account: Account) -> Sequence[Node]:
    # The one-time prekey of a bundle is optional; the simulated phone keeps none.
    return _public_keys(account.registration_id, account.identity.public, account.signed_prekey)


def _companion_bundle(companion: Companion) -> Sequence[Node]:
    keys = _public_keys(companion.registration_id, companion.identity, companion.signed_prekey)
    if not companion.prekeys:
        return keys
    key_id = next(iter(companion.prekeys))
    value = companion.prekeys.pop(key_id)
    ids = [Node("id", content=_prekey_id(key_id)), Node("value", content=value)]
    return [*keys, Node("key", content=ids)]


def _public_keys(registration_id: int, identity: bytes, prekey: SignedPreKey) -> list[Node]:
    signed = [
        Node("id", content=_prekey_id(prekey.id)),
        Node("value", content=prekey.public),
        Node("signature", content=prekey.signature),
    ]
    return [
        Node("registration", content=registration_id.to_bytes(REGISTRATION_ID_BYTES, "big")),
        Node("type", content=CURVE25519_TYPE),
        Node("identity", content=identity),
        Node("skey", content=signed),
    ]


def _signed_prekey(companion: Companion, skey: Node) -> SignedPreKey:
    key_id, value, signature = skey.data("id"), skey.data("value"), skey.data("signature")
    try:
        return read_signed_prekey(companion.identity, key_id, value, signature)
    except RegistrationError as error:
        raise IqError(406, "not-acceptable") from error


def _prekey(key: Node) -> tuple[int, bytes]:
    key_id, value = key.data("id"), key.data("value")
    if len(key_id) != PREKEY_ID_BYTES or len(value) != KEY_BYTES:
        raise IqError(406, "not-acceptable")
    return int.from_bytes(key_id, "big"), value


def _prekey_id(key_id: int) -> bytes:
    return key_id.to_bytes(PREKEY_ID_BYTES, "big")
