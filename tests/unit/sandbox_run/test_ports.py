"""Ports that are free, and stay so for whoever has asked for them."""

import socket

import pytest

from sandbox.services.ports import LOOPBACK, free_port, is_free


def test_a_port_is_kept_for_whoever_will_listen_there() -> None:
    port = free_port()

    with socket.socket() as another, pytest.raises(OSError, match="in use"):
        another.bind((LOOPBACK, port))
    with socket.create_server((LOOPBACK, port)):
        assert not is_free(port)
    assert is_free(port)
