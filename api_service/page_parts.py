"""The pages that are connected, and what they are told: a part of the composition root."""

from collections.abc import Callable
from dataclasses import dataclass

import socketio
from redis.asyncio import Redis
from starlette.routing import Mount

from api_service.core.activity import Activity
from api_service.core.page_states import PageStates
from api_service.core.standing import Standing
from api_service.core.tokens import Tokens
from api_service.linking_parts import LinkingParts
from api_service.realtime.activation_board import ActivationBoard
from api_service.realtime.connections import Connections
from api_service.realtime.gate import Gate
from api_service.realtime.idle_sockets import IdleSockets
from api_service.realtime.namespace import Desk, OnboardingNamespace
from api_service.realtime.origins import AllowedOrigins
from api_service.realtime.relay import Relay
from api_service.realtime.server import PATH, make_server, rooms
from api_service.settings import ApiSettings
from shared.bus.activation_news import activation_listener
from shared.bus.listener import ChannelListener
from shared.bus.subscriber import EventSubscriber
from shared.inventory import Inventory
from shared.lifecycle import BackgroundTasks
from shared.messages.events import AnySessionEvent


@dataclass(frozen=True, slots=True)
class PageNeeds:
    """``note`` hears of each session event before the pages do."""

    tokens: Tokens
    linking: LinkingParts
    standing: Standing
    activity: Activity
    note: Callable[[AnySessionEvent], None]


class PageParts:
    def __init__(self, settings: ApiSettings, redis: Redis, needs: PageNeeds) -> None:
        linking = needs.linking
        self._note = needs.note
        self.connections = Connections()
        self.sockets = make_server(
            AllowedOrigins(
                settings.cors_origins,
                public_url=settings.public_url,
                loopback=not settings.production,
            )
        )
        self.relay = Relay(
            self.sockets,
            self.connections,
            PageStates(linking.snapshots, needs.standing),
            linking.outcomes,
            linking.owners,
            needs.activity,
        )
        board = ActivationBoard(self.sockets, self.connections, needs.standing)
        self._activation_news = activation_listener(redis, board.take, on_subscribed=board.resync)
        self._events = EventSubscriber(redis, self._take, on_caught_up=self.relay.resync)
        desk = Desk(
            needs.tokens,
            linking.limits,
            self.connections,
            self.relay,
            linking.qr_linking,
            linking.code_linking,
            linking.unlinking,
            needs.standing,
            board,
        )
        self.sockets.register_namespace(OnboardingNamespace(desk))

    @property
    def listeners(self) -> tuple[ChannelListener, ...]:
        """By which the pages' news come."""
        return self._events.listener, self._activation_news

    @property
    def mount(self) -> Mount:
        engine = socketio.ASGIApp(self.sockets, socketio_path=PATH)
        return Mount(f"/{PATH}", Gate(engine))

    def start(self, tasks: BackgroundTasks) -> None:
        tasks.start(self._events.run(), "events")
        tasks.start(self._activation_news.run(), "activation news")
        tasks.start(IdleSockets(self.sockets).run(), "idle sockets")

    async def close(self) -> None:
        await self.connections.close()
        await self.sockets.shutdown()

    def count(self, inventory: Inventory) -> None:
        inventory.add(
            "realtime_transports", "Open transports", lambda: len(self.sockets.eio.sockets)
        )
        inventory.add(
            "realtime_rooms", "Rooms, one of each page's own", lambda: rooms(self.sockets)
        )
        inventory.add(
            "realtime_tasks", "Requests and timers of pages", lambda: self.connections.tasks
        )

    async def _take(self, event: AnySessionEvent) -> None:
        self._note(event)
        await self.relay.take(event)
