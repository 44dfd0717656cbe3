"""Everything a client says after it was let in, by the name of the stanza."""

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final

from sandbox.whatsapp_network import iq
from sandbox.whatsapp_network.jid import SERVER
from sandbox.whatsapp_network.node import Attribute, Node, StanzaError

if TYPE_CHECKING:
    from sandbox.whatsapp_network.connection import Connection

Handler = Callable[["Connection", Node], Coroutine[Any, Any, bool]]


async def handle(connection: "Connection", node: Node) -> None:
    """Do what a stanza asks; record it when nothing here understands it."""
    handler = HANDLERS.get(node.tag)
    try:
        understood = handler is not None and await handler(connection, node)
    except StanzaError as error:
        connection.network.journal.note_unknown(node, str(error))
        return
    if not understood:
        connection.network.journal.note_unknown(node, f"no handler for <{node.tag}>")


async def _iq(connection: "Connection", node: Node) -> bool:
    if node.text("type") in ("result", "error"):
        return connection.resolve(node.text("id"), node)
    await iq.answer(connection, node)
    return True


async def _receipt(connection: "Connection", node: Node) -> bool:
    attrs: dict[str, Attribute] = {
        "class": "receipt",
        "id": node.text("id"),
        "from": node.attrs.get("to", SERVER),
    }
    if kind := node.text("type"):
        attrs["type"] = kind
    await connection.send(Node("ack", attrs))
    return True


async def _presence(_connection: "Connection", node: Node) -> bool:
    # Without a type it means available.
    return node.text("type") in ("", "available", "unavailable")


async def _ack(_connection: "Connection", node: Node) -> bool:
    return bool(node.text("id") and node.text("class"))


async def _ib(_connection: "Connection", node: Node) -> bool:
    return all(child.tag in ("offline_batch", "unified_session") for child in node.children)


HANDLERS: Final[Mapping[str, Handler]] = {
    "ack": _ack,
    "ib": _ib,
    "iq": _iq,
    "presence": _presence,
    "receipt": _receipt,
}
