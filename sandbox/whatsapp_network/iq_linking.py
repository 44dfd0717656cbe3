"""Questions about companion devices: linking by code, and a device that takes itself off."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sandbox.whatsapp_network.curve25519 import KEY_BYTES
from sandbox.whatsapp_network.iq_error import IqError
from sandbox.whatsapp_network.node import Node, StanzaError
from sandbox.whatsapp_network.offers import Offer
from sandbox.whatsapp_network.pairing_code import WRAPPED_KEY_BYTES, KeyBundle

if TYPE_CHECKING:
    from sandbox.whatsapp_network.connection import Connection

# Salt 32, nonce 12, three sealed keys and their tag.
SEALED_BUNDLE_BYTES: Final = 32 + 12 + 3 * KEY_BYTES + 16


def link_code(connection: "Connection", iq: Node) -> Sequence[Node]:
    request = iq.require("link_code_companion_reg")
    if connection.offer is None or connection.offer.ended:
        raise IqError(406, "not-acceptable")
    stage = request.text("stage")
    if stage == "companion_hello":
        return _companion_hello(connection, connection.offer, request)
    if stage == "companion_finish":
        return _companion_finish(connection, connection.offer, request)
    raise StanzaError(f"unknown stage {stage!r} of linking by code")


def remove_companion(connection: "Connection", iq: Node) -> Sequence[Node]:
    """Unlink the device that asks; a companion may not unlink others."""
    account, companion = connection.logged_in()
    jid = iq.require("remove-companion-device").jid("jid")
    if (jid.user, jid.device) != (account.number, companion.device):
        raise IqError(403, "forbidden")
    connection.network.remove_companion(account.number, companion.device)
    connection.spawn(connection.end(), "logged-out")
    return ()


def _companion_hello(connection: "Connection", offer: Offer, request: Node) -> Sequence[Node]:
    network = connection.network
    account = network.find_account(request.jid("jid"))
    if account is None:
        network.journal.note("code_for_unknown_number")
        raise IqError(400, "bad-request")
    wrapped = request.data("link_code_pairing_wrapped_companion_ephemeral_pub")
    if len(wrapped) != WRAPPED_KEY_BYTES:
        raise StanzaError("wrapped ephemeral key has the wrong size")
    expires_at_s = network.clock_s() + network.settings.pairing_code_s
    code = network.offers.ask_code(offer, account.number, wrapped, expires_at_s)
    network.journal.note("code_requested", account.number)
    content = [Node("link_code_pairing_ref", content=code.ref)]
    return [Node("link_code_companion_reg", {"stage": "companion_hello"}, content)]


def _companion_finish(connection: "Connection", offer: Offer, request: Node) -> Sequence[Node]:
    ref = request.data("link_code_pairing_ref")
    code = connection.network.offers.code_by_ref(offer, ref)
    sealed = request.data("link_code_pairing_wrapped_key_bundle")
    identity = request.data("companion_identity_public")
    if code is None or code.bundle is None or code.bundle.done():
        raise IqError(404, "item-not-found")
    if len(sealed) != SEALED_BUNDLE_BYTES or identity != offer.registration.identity:
        raise IqError(400, "bad-request")
    code.bundle.set_result(KeyBundle(sealed, identity))
    return ()
