"""The phone's camera: every QR that an owner's page shows is what a phone may scan now."""

import asyncio
import json

import httpx2

from sandbox.whatsapp_network.control_client import ControlClient, ControlError
from shared.bus.connection import connect_redis
from shared.bus.keys import EVENTS_CHANNEL
from shared.bus.listener import ChannelListener


async def watch(redis_url: str, control_url: str, watching: asyncio.Event) -> None:
    """Tell the network of each `qr` event, until cancelled. Reconnects for ever.

    ``watching`` is set once no event is missed any more.
    """
    async with ControlClient(control_url) as network, connect_redis(redis_url) as redis:

        async def on_message(_channel: str, text: str) -> None:
            shown = qr_of(text)
            if shown is not None:
                await _show(network, *shown)

        async def on_subscribed() -> None:
            watching.set()

        listener = ChannelListener(redis, [EVENTS_CHANNEL], on_message, on_subscribed=on_subscribed)
        await listener.run()


async def _show(network: ControlClient, label: str, qr: str) -> None:
    try:
        await network.show_screen(qr, label)
    except (httpx2.HTTPError, ControlError):
        return  # the network is just restarting: the next QR comes in 20 s


def qr_of(text: str) -> tuple[str, str] | None:
    """Return salon and QR when `text` is a `qr` event, else None: anyone may write there."""
    try:
        event = json.loads(text)
        return (event["companyId"], event["qr"]) if event["type"] == "qr" else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
