"""What a process tells of its way to Redis, from when on others rely on it."""

from dataclasses import dataclass, field

from whatsapp_service.owners.reach import LOST_S, STEADY_S, Reach


@dataclass
class Way:
    """A process that beats once a second, or not."""

    now_s: float = 1_000.0
    reach: Reach = field(init=False)

    def __post_init__(self) -> None:
        self.reach = Reach(lambda: self.now_s)
        self.reach.start()

    def beats(self, for_s: float) -> None:
        end_s = self.now_s + for_s
        while self.now_s < end_s:
            self.now_s += 1
            self.reach.beat(self.now_s)

    def is_silent(self, for_s: float) -> None:
        self.now_s += for_s

    def told(self) -> bool | None:
        return self.reach.told


def test_nothing_is_told_of_a_newcomer_until_it_is_steady_or_lost() -> None:
    way = Way()
    assert way.told() is None
    way.beats(STEADY_S - 2)
    assert way.told() is None
    way.beats(2)
    assert way.told() is True

    mute = Way()
    mute.is_silent(LOST_S + 1)
    assert (mute.told(), mute.reach.lost_s) == (False, LOST_S + 1)


def test_a_beat_that_is_late_is_no_loss() -> None:
    way = Way()
    way.beats(STEADY_S)
    way.is_silent(LOST_S)
    assert (way.told(), way.reach.lost_s) == (True, 0.0)


def test_a_way_that_comes_and_goes_is_not_relied_on() -> None:
    way = Way()
    way.beats(STEADY_S)
    for _ in range(3):
        way.is_silent(LOST_S + 1)
        assert way.reach.lost_s == LOST_S + 1
        way.beats(STEADY_S - 1)
        assert (way.told(), way.reach.lost_s) == (False, 0.0)
    way.beats(2)
    assert way.told() is True


def test_a_slow_start_is_no_loss() -> None:
    """The store is made ready before hearts beat."""
    way = Way()
    way.is_silent(60)
    way.reach.start()
    way.beats(1)
    assert way.told() is None
