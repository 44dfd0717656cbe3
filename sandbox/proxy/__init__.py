"""A proxy on loopback, as an operator would rent one: SOCKS5 and HTTP on one port."""
