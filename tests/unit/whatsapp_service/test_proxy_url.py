"""A proxy's address: what is taken, what is refused, and that its password is never shown."""

import pytest

from whatsapp_service.proxy_url import ProxyUrl, ProxyUrlError


@pytest.mark.parametrize(
    ("text", "for_library"),
    [
        ("socks5://proxy.example.com:1081", "socks5://proxy.example.com:1081"),
        ("socks5h://proxy.example.com", "socks5://proxy.example.com:1080"),
        (" http://10.0.0.1\n", "http://10.0.0.1:80"),
        ("https://proxy.example.com/", "https://proxy.example.com:443"),
        ("HTTP://u:p@proxy.example.com:3128", "http://u:p@proxy.example.com:3128"),
        (
            "socks5://a%40b:p%3A%2F%40@[2001:db8::1]:1080",
            "socks5://a%40b:p%3A%2F%40@[2001:db8::1]:1080",
        ),
        ("socks5://user@proxy.example.com", "socks5://user:@proxy.example.com:1080"),
    ],
)
def test_the_library_is_given_a_form_it_takes(text: str, for_library: str) -> None:
    assert ProxyUrl.parse(text).for_library == for_library


@pytest.mark.parametrize(
    "text",
    [
        "",
        "proxy.example.com:1080",
        "socks4://proxy.example.com",
        "ftp://user:hidden-word@proxy.example.com",
        "socks5://",
        "socks5://user:hidden-word@",
        "socks5://:hidden-word@proxy.example.com",
        "socks5://user:hidden-word@proxy.example.com:0",
        "socks5://user:hidden-word@proxy.example.com:70000",
        "socks5://user:hidden-word@proxy.example.com:port",
        "http://user:hidden-word@proxy.example.com/path",
        "http://user:hidden-word@proxy.example.com/?hidden-word",
        "http://user:hidden-word@proxy.example.com/#hidden-word",
        "http://user:hidden-word@proxy.exam\x00ple.com",
        "http://user:hidden-word@[::1",
        f"socks5://user:{'hidden-word' * 30}@proxy.example.com",
        f"socks5://{'a' * 1_000}.example.com",
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ProxyUrlError) as refused:
        ProxyUrl.parse(text)

    assert "hidden-word" not in str(refused.value)


def test_it_is_shown_without_user_and_password() -> None:
    proxy = ProxyUrl.parse("socks5h://user:hidden-word@proxy.example.com")

    assert proxy.masked == "socks5h://***@proxy.example.com:1080"
    assert (repr(proxy), f"{[proxy]}") == (
        f"ProxyUrl({proxy.masked})",
        f"[ProxyUrl({proxy.masked})]",
    )


def test_what_is_stored_reads_back_the_same() -> None:
    proxy = ProxyUrl.parse("https://a%40b:p%3A%2F%20@proxy.example.com")

    assert ProxyUrl.parse(proxy.full) == proxy
    assert (proxy.user, proxy.password) == ("a@b", "p:/ ")
