"""WhatsApp's binary XML, dictionary version 3.

Names and frequent values are one or two byte tokens, numbers and hex are packed two to a byte,
addresses are pairs. The token tables are constants of the protocol, read from `pyaileys`.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from pyaileys.wabinary.constants import DOUBLE_BYTE_TOKENS, SINGLE_BYTE_TOKENS

from sandbox.whatsapp_network.jid import LIDS, PHONE_NUMBERS, Jid
from sandbox.whatsapp_network.node import Attribute, Node

LIST_EMPTY: Final = 0
DICTIONARY_0: Final = 236
DICTIONARY_3: Final = 239
DEVICE_JID: Final = 247
LIST_8: Final = 248
LIST_16: Final = 249
JID_PAIR: Final = 250
HEX_8: Final = 251
BINARY_8: Final = 252
BINARY_20: Final = 253
BINARY_32: Final = 254
NIBBLE_8: Final = 255

PACKED_MAX: Final = 127
DEPTH_MAX: Final = 64
INFLATED_MAX_BYTES: Final = 1 << 24
COMPRESSED: Final = 2

NIBBLES: Final = "0123456789-."
HEX: Final = "0123456789ABCDEF"
FILLER: Final = 15

DEVICE_AGENTS: Final = {PHONE_NUMBERS: 0, LIDS: 1, "hosted": 128, "hosted.lid": 129}
DEVICE_SERVERS: Final = {agent: server for server, agent in DEVICE_AGENTS.items()}

_TOKENS: Final[Sequence[str | None]] = SINGLE_BYTE_TOKENS
_DICTIONARIES: Final[Sequence[Sequence[str]]] = DOUBLE_BYTE_TOKENS
_TOKEN_BYTES: Final[Mapping[str, bytes]] = {
    token: bytes((DICTIONARY_0 + number, index))
    for number, words in enumerate(_DICTIONARIES)
    for index, token in enumerate(words)
} | {token: bytes((index,)) for index, token in enumerate(_TOKENS) if token}


class BinaryXmlError(ValueError):
    """The bytes are no stanza of this protocol, or the stanza cannot be put into bytes."""


def encode(node: Node) -> bytes:
    """Return the payload of a frame: a flag byte (0, not compressed) and the node."""
    return b"\x00" + _encode_node(node)


def decode(payload: bytes) -> Node:
    """Read the payload of a frame, compressed or not; raise `BinaryXmlError`."""
    if not payload:
        raise BinaryXmlError("empty frame")
    reader = _Reader(_inflate(payload[1:]) if payload[0] & COMPRESSED else payload[1:])
    node = reader.node(depth=0)
    if reader.left:
        raise BinaryXmlError(f"{reader.left} bytes after the stanza")
    return node


def _inflate(compressed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(compressed, INFLATED_MAX_BYTES)
    except zlib.error as error:
        raise BinaryXmlError("compressed frame is broken") from error
    if not inflater.eof:
        raise BinaryXmlError("compressed frame is cut short or too large")
    return data


def _encode_node(node: Node) -> bytes:
    size = 1 + 2 * len(node.attrs) + (node.content is not None)
    parts = [_list_header(size), _encode_text(node.tag)]
    for name, value in node.attrs.items():
        parts += (_encode_text(name), _encode_attribute(value))
    if isinstance(node.content, bytes):
        parts.append(_encode_bytes(node.content))
    elif node.content is not None:
        parts.append(_list_header(len(node.content)))
        parts += map(_encode_node, node.content)
    return b"".join(parts)


def _list_header(size: int) -> bytes:
    if size == 0:
        return bytes((LIST_EMPTY,))
    if size < 1 << 8:
        return bytes((LIST_8, size))
    if size < 1 << 16:
        return bytes((LIST_16,)) + size.to_bytes(2, "big")
    raise BinaryXmlError(f"a list of {size} does not fit")


def _encode_attribute(value: Attribute) -> bytes:
    return _encode_jid(value) if isinstance(value, Jid) else _encode_text(value)


def _encode_jid(jid: Jid) -> bytes:
    agent = DEVICE_AGENTS.get(jid.server)
    # Hosted accounts have no other form than the one with a device.
    if agent is not None and (jid.device or jid.server.startswith("hosted")):
        return bytes((DEVICE_JID, agent, jid.device)) + _encode_text(jid.user)
    user = _encode_text(jid.user) if jid.user else bytes((LIST_EMPTY,))
    return bytes((JID_PAIR,)) + user + _encode_text(jid.server)


def _encode_text(text: str) -> bytes:
    if token := _TOKEN_BYTES.get(text):
        return token
    if 0 < len(text) <= PACKED_MAX:
        if all(char in NIBBLES for char in text):
            return _pack(text, NIBBLE_8, NIBBLES)
        if all(char in HEX for char in text):
            return _pack(text, HEX_8, HEX)
    return _encode_bytes(text.encode())


def _pack(text: str, tag: int, alphabet: str) -> bytes:
    values = [alphabet.index(char) for char in text]
    odd = len(values) % 2
    if odd:
        values.append(FILLER)
    pairs = bytes(high << 4 | low for high, low in zip(values[::2], values[1::2], strict=True))
    return bytes((tag, len(pairs) | odd << 7)) + pairs


def _encode_bytes(data: bytes) -> bytes:
    size = len(data)
    if size < 1 << 8:
        return bytes((BINARY_8, size)) + data
    if size < 1 << 20:
        return bytes((BINARY_20,)) + size.to_bytes(3, "big") + data
    return bytes((BINARY_32,)) + size.to_bytes(4, "big") + data


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def node(self, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise BinaryXmlError("nested too deep")
        size = self._list_size(self._number(1))
        if size == 0:
            raise BinaryXmlError("a node has no name")
        tag = self._text()
        attrs = {self._text(): self._attribute() for _ in range((size - 1) // 2)}
        return Node(tag, attrs, self._content(depth) if size % 2 == 0 else None)

    def _content(self, depth: int) -> bytes | list[Node] | None:
        tag = self._number(1)
        if tag == LIST_EMPTY:
            return None
        if tag in (LIST_8, LIST_16):
            return [self.node(depth + 1) for _ in range(self._list_size(tag))]
        if tag in (BINARY_8, BINARY_20, BINARY_32):
            return self._sized(tag)
        return str(self._value(tag)).encode()

    def _text(self) -> str:
        value = self._attribute()
        if isinstance(value, Jid):
            raise BinaryXmlError("an address stands where a name is due")
        return value

    def _attribute(self) -> Attribute:
        return self._value(self._number(1))

    def _value(self, tag: int) -> Attribute:
        if tag == JID_PAIR:
            return self._jid_pair()
        if tag == DEVICE_JID:
            return self._device_jid()
        if tag in (BINARY_8, BINARY_20, BINARY_32):
            return self._utf8(tag)
        if tag in (NIBBLE_8, HEX_8):
            return self._unpack(NIBBLES if tag == NIBBLE_8 else HEX)
        if DICTIONARY_0 <= tag <= DICTIONARY_3:
            return _DICTIONARIES[tag - DICTIONARY_0][self._number(1)]
        token = _TOKENS[tag] if tag < len(_TOKENS) else None
        if not token:
            raise BinaryXmlError(f"unknown token {tag}")
        return token

    def _jid_pair(self) -> Jid:
        tag = self._number(1)
        user = "" if tag == LIST_EMPTY else self._value(tag)
        if isinstance(user, Jid):
            raise BinaryXmlError("an address within an address")
        return Jid(user, self._text())

    def _device_jid(self) -> Jid:
        agent, device = self._number(1), self._number(1)
        if agent not in DEVICE_SERVERS:
            raise BinaryXmlError(f"unknown kind of device address {agent}")
        return Jid(self._text(), DEVICE_SERVERS[agent], device)

    def _utf8(self, tag: int) -> str:
        try:
            return self._sized(tag).decode()
        except UnicodeDecodeError as error:
            raise BinaryXmlError("text is not UTF-8") from error

    def _unpack(self, alphabet: str) -> str:
        header = self._number(1)
        values = [nibble for byte in self._take(header & 127) for nibble in (byte >> 4, byte & 15)]
        if header & 128 and (not values or values.pop() != FILLER):
            raise BinaryXmlError("packed text of odd length has no filler")
        if any(value >= len(alphabet) for value in values):
            raise BinaryXmlError("packed text holds a value outside its alphabet")
        return "".join(alphabet[value] for value in values)

    def _sized(self, tag: int) -> bytes:
        if tag == BINARY_8:
            return self._take(self._number(1))
        if tag == BINARY_20:
            return self._take(self._number(3) & 0xFFFFF)
        return self._take(self._number(4))

    def _list_size(self, tag: int) -> int:
        if tag == LIST_EMPTY:
            return 0
        if tag in (LIST_8, LIST_16):
            return self._number(1 if tag == LIST_8 else 2)
        raise BinaryXmlError(f"a list is due, not {tag}")

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _take(self, size: int) -> bytes:
        if size > self.left:
            raise BinaryXmlError("cut short")
        start, self._at = self._at, self._at + size
        return self._data[start : self._at]
