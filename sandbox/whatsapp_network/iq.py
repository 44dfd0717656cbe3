"""Questions and answers: the table of every `<iq>` that the network understands.

A handler returns the content of the result; it raises `IqError` to refuse, `StanzaError` when
the question lacks something.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sandbox.whatsapp_network import iq_account, iq_keys, iq_linking
from sandbox.whatsapp_network.iq_error import IqError
from sandbox.whatsapp_network.jid import SERVER
from sandbox.whatsapp_network.node import Attribute, Node, StanzaError

if TYPE_CHECKING:
    from sandbox.whatsapp_network.connection import Connection

Handler = Callable[["Connection", Node], Sequence[Node]]
Question = tuple[str, str, str]


def _nothing(_connection: "Connection", _iq: Node) -> Sequence[Node]:
    return ()


# Keys are xmlns, type and the name of the first child.
ALWAYS: Final[Mapping[Question, Handler]] = {
    ("w:p", "get", "ping"): _nothing,
    ("w:p", "get", ""): _nothing,
}
UNLINKED: Final[Mapping[Question, Handler]] = {
    ("md", "set", "link_code_companion_reg"): iq_linking.link_code,
}
LOGGED_IN: Final[Mapping[Question, Handler]] = {
    ("abt", "get", "props"): iq_account.props,
    ("blocklist", "get", ""): iq_account.blocklist,
    ("encrypt", "get", "count"): iq_keys.count,
    ("encrypt", "get", "digest"): iq_keys.digest,
    ("encrypt", "get", "key"): iq_keys.bundles,
    ("encrypt", "set", "registration"): iq_keys.upload,
    ("encrypt", "set", "rotate"): iq_keys.rotate,
    ("md", "set", "remove-companion-device"): iq_linking.remove_companion,
    ("passive", "set", "active"): _nothing,
    ("passive", "set", "passive"): _nothing,
    ("privacy", "get", "privacy"): iq_account.privacy,
    ("usync", "get", "usync"): iq_account.usync,
    ("w", "get", "props"): iq_account.props,
    ("w:sync:app:state", "set", "sync"): iq_account.app_state,
}


async def answer(connection: "Connection", iq: Node) -> None:
    """Answer a question; one that nobody here understands is recorded and gets an empty result."""
    first = iq.children[0].tag if iq.children else ""
    question = (iq.text("xmlns"), iq.text("type"), first)
    table = LOGGED_IN if connection.companion else UNLINKED
    handler = ALWAYS.get(question) or table.get(question)
    if handler is None:
        connection.network.journal.note_unknown(iq, f"no answer to {'/'.join(question)}")
    try:
        content = handler(connection, iq) if handler else ()
    except IqError as error:
        await _reply(connection, iq, "error", [error.node()])
    except StanzaError as error:
        connection.network.journal.note_unknown(iq, str(error))
        await _reply(connection, iq, "error", [IqError(400, "bad-request").node()])
    else:
        await _reply(connection, iq, "result", content)


async def _reply(connection: "Connection", iq: Node, kind: str, content: Sequence[Node]) -> None:
    attrs: dict[str, Attribute] = {"from": SERVER, "type": kind, "id": iq.text("id")}
    await connection.send(Node("iq", attrs, content or None))
