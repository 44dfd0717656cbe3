"""How the server refuses a question."""

from sandbox.whatsapp_network.node import Node


class IqError(Exception):
    """`code` and `text` are WhatsApp's, such as 400 bad-request."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    def node(self) -> Node:
        return Node("error", {"code": str(self.code), "text": self.text})
