"""One element of WhatsApp's XML, the unit of everything said after the handshake."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from sandbox.whatsapp_network.jid import Jid

Attribute = str | Jid
Content = bytes | Sequence["Node"] | None


class StanzaError(ValueError):
    """A stanza lacks something its kind must have."""


@dataclass(frozen=True, slots=True)
class Node:
    """Content is bytes or child nodes, never both; text travels as bytes."""

    tag: str
    attrs: Mapping[str, Attribute] = field(default_factory=dict)
    content: Content = None

    @property
    def children(self) -> Sequence["Node"]:
        return () if self.content is None or isinstance(self.content, bytes) else self.content

    def all(self, tag: str) -> Iterator["Node"]:
        return (child for child in self.children if child.tag == tag)

    def child(self, *path: str) -> "Node | None":
        """Follow the first child of each name."""
        node: Node | None = self
        for tag in path:
            node = next(node.all(tag), None) if node else None
        return node

    def require(self, *path: str) -> "Node":
        """Like `child`; raise `StanzaError` naming what is missing."""
        node = self.child(*path)
        if node is None:
            raise StanzaError(f"<{self.tag}> has no {'/'.join(path)}")
        return node

    def data(self, *path: str) -> bytes:
        """Return the bytes at the end of the path; raise `StanzaError` when there are none."""
        node = self.require(*path)
        if not isinstance(node.content, bytes):
            raise StanzaError(f"<{node.tag}> holds no bytes")
        return node.content

    def text(self, name: str) -> str:
        """Return an attribute as text, empty when it is not there."""
        return str(self.attrs.get(name, ""))

    def jid(self, name: str) -> Jid:
        """Return an attribute that must be an address; raise `StanzaError` when it is not."""
        value = self.attrs.get(name)
        if not isinstance(value, Jid):
            raise StanzaError(f"{name} of <{self.tag}> is no address")
        return value

    def xml(self, indent: int = 0) -> str:
        """Render for people: bytes, which may be keys, only by their length."""
        pad = "  " * indent
        attrs = "".join(f" {name}={quoteattr(str(value))}" for name, value in self.attrs.items())
        if self.content is None:
            return f"{pad}<{self.tag}{attrs}/>"
        if isinstance(self.content, bytes):
            return f"{pad}<{self.tag}{attrs}>{escape(f'[{len(self.content)} bytes]')}</{self.tag}>"
        inner = "\n".join(child.xml(indent + 1) for child in self.content)
        return f"{pad}<{self.tag}{attrs}>\n{inner}\n{pad}</{self.tag}>"
