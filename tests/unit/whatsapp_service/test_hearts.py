"""What is known of others' hearts: by looks, by their absence, by a Redis that lost its list."""

from shared.bus.heartbeat import Heartbeats
from whatsapp_service.owners.hearts import REMEMBER_S, Hearts


class Listed(Heartbeats):
    def __init__(self) -> None:
        self.hearts: dict[str, float | None] = {}

    async def all(self) -> dict[str, float | None]:
        return dict(self.hearts)


class Watch:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.listed = Listed()
        self.hearts = Hearts(self.listed, clock_s=lambda: self.now_s)

    async def look(self, at_s: float, **hearts: float | None) -> None:
        self.now_s, self.listed.hearts = at_s, hearts
        await self.hearts.look()


async def test_an_emptied_redis_makes_nobody_silent_for_longer_than_he_was() -> None:
    watch = Watch()
    await watch.look(0, one=0.0)
    await watch.look(3_600, one=3_600.0)

    await watch.look(3_601)

    assert watch.hearts.silent_s("one") == 1
    assert not watch.hearts.suspect("one")
    await watch.look(3_616)
    assert watch.hearts.silent_s("one") == 16


async def test_one_that_has_just_come_is_not_silent_since_before_it_was_there() -> None:
    watch = Watch()
    await watch.look(3_600, one=3_600.0)

    assert watch.hearts.silent_s("new") == 0

    await watch.look(3_603, one=3_603.0)
    assert watch.hearts.silent_s("new") == 3
    assert watch.hearts.suspect("new")


async def test_who_stood_still_suspects_nobody_before_it_has_looked_again() -> None:
    watch = Watch()
    await watch.look(0, one=0.0)

    watch.now_s = 10
    assert watch.hearts.silent_s("one") == 0
    assert not watch.hearts.suspect("one")

    await watch.look(10)
    assert watch.hearts.silent_s("one") == 10


async def test_only_who_should_be_there_and_is_silent_is_named() -> None:
    watch = Watch()
    await watch.look(0, one=0.0, dead=None)
    assert watch.hearts.silent_for(10) == []

    await watch.look(20, one=20.0, dead=None)

    assert watch.hearts.silent_for(10) == ["dead"]


async def test_who_has_left_long_ago_is_forgotten() -> None:
    watch = Watch()
    await watch.look(0, one=0.0)

    await watch.look(2 * REMEMBER_S)

    assert watch.hearts._seen_at == {}
