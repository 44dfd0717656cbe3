"""Lines that have gone dark: the socket is open, and what is said on it comes to nothing.

`SWALLOWED`: the server reads everything and answers nothing; it still closes in good order.
`PINGS_ONLY`: keepalive pings are answered, and nothing else.
`GONE`: nobody is at the other end, as after a router has forgotten the connection. Nothing is read,
a closing is not answered, and the network takes the device for offline. Cleared: a reset.
"""

from typing import TYPE_CHECKING

from sandbox.whatsapp_network.faults import FaultKind

if TYPE_CHECKING:
    from sandbox.whatsapp_network.connection import Connection
    from sandbox.whatsapp_network.network import Network
    from sandbox.whatsapp_network.node import Node


def unheard(connection: "Connection", node: "Node") -> bool:
    """Return whether a stanza of the client comes to nothing."""
    match connection.silenced_by:
        case None:
            return False
        case FaultKind.PINGS_ONLY:
            return not (node.tag == "iq" and node.text("xmlns") == "w:p")
        case _:
            return True


def unsaid(connection: "Connection", node: "Node") -> bool:
    """Return whether a stanza for the client never leaves; answers are to pings alone."""
    match connection.silenced_by:
        case None:
            return False
        case FaultKind.PINGS_ONLY:
            return not (node.tag == "iq" and node.text("type") == "result")
        case _:
            return True


def take_effect(network: "Network") -> None:
    """Bring connections in line with the faults of now; call after each change of them."""
    for connection in tuple(network.connections):
        gone = connection.silenced_by is FaultKind.GONE
        if gone and not connection.vanished and connection.companion:
            connection.vanish()
        elif connection.vanished and not gone:
            connection.abort()
