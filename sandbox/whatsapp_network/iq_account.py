"""Questions about accounts: who has WhatsApp and on which devices, settings, app state."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sandbox.whatsapp_network.account import Account
from sandbox.whatsapp_network.jid import Jid
from sandbox.whatsapp_network.node import Node, StanzaError

if TYPE_CHECKING:
    from sandbox.whatsapp_network.connection import Connection

PRIVACY_CATEGORIES: Final = (
    "last",
    "online",
    "profile",
    "status",
    "readreceipts",
    "groupadd",
    "calladd",
)
USYNC_PROTOCOLS: Final = frozenset({"contact", "devices", "lid"})
# A hash of settings that never change here.
SETTINGS_HASH: Final = "sandbox1"


def props(_connection: "Connection", _iq: Node) -> Sequence[Node]:
    """Server properties: none beyond the clients' own defaults."""
    refresh = {"protocol": "1", "hash": SETTINGS_HASH, "refresh": "86400", "refresh_id": "1"}
    return [Node("props", refresh, [])]


def blocklist(_connection: "Connection", _iq: Node) -> Sequence[Node]:
    return [Node("list", {"matched": "false", "dhash": SETTINGS_HASH}, [])]


def privacy(_connection: "Connection", _iq: Node) -> Sequence[Node]:
    everyone = [Node("category", {"name": name, "value": "all"}) for name in PRIVACY_CATEGORIES]
    return [Node("privacy", content=everyone)]


def app_state(_connection: "Connection", iq: Node) -> Sequence[Node]:
    """Answer that every collection is as the client has it: the phone shares no app state."""
    collections = list(iq.require("sync").all("collection"))
    if any(collection.child("patch") for collection in collections):
        raise StanzaError("app state patches are not understood")
    states = [
        {
            "name": collection.text("name"),
            "version": collection.text("version") or "0",
            "has_more_patches": "false",
        }
        for collection in collections
    ]
    return [Node("sync", content=[Node("collection", state) for state in states])]


def usync(connection: "Connection", iq: Node) -> Sequence[Node]:
    """Tell of users what the query asks: their devices, their LID, whether they are there."""
    request = iq.require("usync")
    asked = {protocol.tag for protocol in request.require("query").children}
    if not asked <= USYNC_PROTOCOLS:
        raise StanzaError(f"usync of {', '.join(sorted(asked - USYNC_PROTOCOLS))}")
    users = [_user(connection, user, asked) for user in request.require("list").all("user")]
    answer = [Node("result"), Node("list", content=users)]
    return [Node("usync", {"mode": request.text("mode")}, answer)]


def _user(connection: "Connection", user: Node, asked: set[str]) -> Node:
    contact = user.child("contact")
    if "jid" in user.attrs:
        jid = user.jid("jid").account
    else:
        jid = Jid(user.data("contact").decode().removeprefix("+"))
    account = connection.network.find_account(jid)
    facts = _facts(account, asked) if account else []
    if contact is not None:
        there = {"type": "in" if account else "out"}
        facts.insert(0, Node("contact", there, contact.content))
    return Node("user", {"jid": jid}, facts)


def _facts(account: Account, asked: set[str]) -> list[Node]:
    facts = []
    if "devices" in asked:
        facts.append(Node("devices", content=[_device_list(account)]))
    if "lid" in asked:
        facts.append(Node("lid", {"val": account.lid_jid()}))
    return facts


def _device_list(account: Account) -> Node:
    # Clients believe in a companion only by its key index, the one its identity was signed with.
    companions = [
        Node("device", {"id": str(device), "key-index": str(device)})
        for device in account.companions
    ]
    return Node("device-list", content=[Node("device", {"id": "0"}), *companions])
