"""The phone's camera: every QR that an owner's page shows is what a phone may scan now."""

import asyncio
import json
from typing import Final

import httpx2
import redis.asyncio
import redis.exceptions

from sandbox.whatsapp_network.control_client import ControlClient, ControlError
from shared.bus.keys import EVENTS_CHANNEL

RETRY_PAUSE_S: Final = 1.0


async def watch(redis_url: str, control_url: str) -> None:
    """Tell the network of each `qr` event, until cancelled. Reconnects for ever."""
    async with ControlClient(control_url) as network:
        while True:
            try:
                await _relay(redis_url, network)
            except redis.exceptions.RedisError:
                await asyncio.sleep(RETRY_PAUSE_S)


async def _relay(redis_url: str, network: ControlClient) -> None:
    async with (
        redis.asyncio.from_url(redis_url, decode_responses=True) as client,
        client.pubsub(ignore_subscribe_messages=True) as events,
    ):
        await events.subscribe(EVENTS_CHANNEL)
        async for message in events.listen():
            shown = qr_of(message["data"])
            if shown is not None:
                await _show(network, *shown)


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
    except (ValueError, TypeError, KeyError):
        return None
