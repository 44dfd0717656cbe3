"""Binary XML: what is put into bytes comes out again, and broken bytes are refused."""

import zlib

import pytest

from sandbox.whatsapp_network.binary_xml import BinaryXmlError, decode, encode
from sandbox.whatsapp_network.jid import SERVER, Jid
from sandbox.whatsapp_network.node import Attribute, Node


def body(value: Attribute) -> bytes:
    """Return the bytes of one attribute value of `<iq id=…/>`."""
    return encode(Node("iq", {"id": value})).removeprefix(encode(Node("iq", {"id": ""}))[:-2])


@pytest.mark.parametrize(
    "value",
    [
        "result",
        "critical_unblock_low",
        "79990000001",
        "1763697000-12",
        "3.14",
        "0AF",
        "3A5F00DEADBEEF",
        "lower case",
        "Привет",
        "",
        "0" * 127,
        "0" * 128,
        SERVER,
        Jid("79990000001"),
        Jid("79990000001", device=7),
        Jid("100000000000001", "lid"),
        Jid("100000000000001", "lid", 99),
        Jid("79990000001", "hosted"),
        Jid("79990000001", "hosted.lid", 3),
        Jid("120363000000000001", "g.us"),
    ],
)
def test_attributes_survive(value: Attribute) -> None:
    assert decode(encode(Node("iq", {"id": value}))).attrs == {"id": value}


@pytest.mark.parametrize("size", [0, 1, 255, 256, 2**20 - 1, 2**20])
def test_contents_of_any_size_survive(size: int) -> None:
    node = Node("enc", {"v": "2"}, b"x" * size)
    assert decode(encode(node)) == node


def test_children_survive() -> None:
    many = [Node("key", {}, [Node("id", content=index.to_bytes(3, "big"))]) for index in range(300)]
    node = Node("iq", {"type": "set"}, [Node("list", content=many), Node("empty")])
    assert decode(encode(node)) == node


def test_server_address_is_a_pair_and_not_a_token() -> None:
    assert body(SERVER) == bytes((0xFA, 0x00, 0x03))


def test_device_address_is_agent_device_user() -> None:
    assert body(Jid("7999", device=7)) == bytes((0xF7, 0, 7, 0xFF, 2, 0x79, 0x99))
    assert body(Jid("7999", "lid", 7)) == bytes((0xF7, 1, 7, 0xFF, 2, 0x79, 0x99))


def test_digits_and_hex_are_packed_two_to_a_byte() -> None:
    assert body("123-5.") == bytes((0xFF, 3, 0x12, 0x3A, 0x5B))
    assert body("7AB") == bytes((0xFB, 0x80 | 2, 0x7A, 0xBF))


def test_compressed_frame_is_read() -> None:
    node = Node("iq", {"type": "result"}, b"x" * 500)
    assert decode(b"\x02" + zlib.compress(encode(node)[1:])) == node


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x00",
        b"\x00\x00",
        b"\x00\xf8\x00",
        b"\x00\x05",
        b"\x00\xf8\x01\xf0",
        b"\x00\xf8\x03\x19\x08",
        b"\x00\xf8\x02\x19\xfc\x05abc",
        b"\x00\xf8\x01\xfc\x01\xff",
        b"\x00\xf8\x01\xff\x81\x1c",
        b"\x00\xf8\x01\xff\x81\x11",
        b"\x00\xf8\x01\xff\x80",
        b"\x00\xf8\x01\xfa\x00\x03",
        b"\x00\xf8\x03\x19\x08\xf7\x63\x01\x08",
        b"\x00\xf8\x03\x19\x08\xfa\xfa\x00\x03\x03",
        b"\x00\xf8\x01\x19trailing",
        b"\x02not zlib",
        b"\x02" + zlib.compress(b"\xf8\x01\x19" * 50)[:-6],
        b"\x00" + b"\xf8\x02\x19\xf8\x01" * 100,
    ],
)
def test_malformed_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(BinaryXmlError):
        decode(frame)


def test_every_cut_of_a_frame_is_refused() -> None:
    frame = encode(Node("iq", {"id": "0AF", "from": SERVER}, [Node("ping", {"t": "привет"})]))
    for end in range(1, len(frame)):
        with pytest.raises(BinaryXmlError):
            decode(frame[:end])


def test_bomb_is_refused() -> None:
    with pytest.raises(BinaryXmlError, match="too large"):
        decode(b"\x02" + zlib.compress(b"\x00" * (2**24 + 1)))


def test_xml_for_people_holds_no_bytes() -> None:
    xml = Node("iq", {"to": SERVER, "id": 'a"b'}, [Node("key", {}, b"secret")]).xml()
    assert xml == '<iq to="@s.whatsapp.net" id=\'a"b\'>\n  <key>[6 bytes]</key>\n</iq>'
