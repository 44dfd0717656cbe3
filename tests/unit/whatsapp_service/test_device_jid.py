import pytest

from whatsapp_service.gateway.device_jid import DeviceJid


def test_the_stores_form_is_read_and_written() -> None:
    jid = DeviceJid.parse("79990000001:12@s.whatsapp.net")

    assert jid == DeviceJid("79990000001", 12)  # type: ignore[arg-type]
    assert str(jid) == "79990000001:12@s.whatsapp.net"


def test_an_agent_part_is_dropped() -> None:
    assert DeviceJid.parse("79990000001.0:3@s.whatsapp.net").device == 3


@pytest.mark.parametrize(
    "text",
    ["", "79990000001@s.whatsapp.net", "1:2@lid", "79990000001:12@lid", "x:1@s.whatsapp.net"],
)
def test_anything_else_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="not the address") as caught:
        DeviceJid.parse(text)

    assert "7999" not in str(caught.value)
