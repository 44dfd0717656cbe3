import pytest
from pydantic import ValidationError

from sandbox.whatsapp_network.errors import Code, NetworkError
from sandbox.whatsapp_network.faults import AT_LOGIN, FaultKind, Faults, FaultSpec

ONE, OTHER = "79990000001", "79990000002"
DROP = frozenset({FaultKind.DROPPED})


@pytest.fixture
def faults() -> Faults:
    return Faults()


def test_fault_is_used_up_after_its_times(faults: Faults) -> None:
    faults.add(FaultSpec(kind=FaultKind.DROPPED, times=2))
    taken = [faults.take(DROP, ONE) is not None for _ in range(3)]
    assert taken == [True, True, False]
    assert faults.current() == []


def test_fault_without_times_stays_until_cleared(faults: Faults) -> None:
    faults.add(FaultSpec(kind=FaultKind.DROPPED))
    assert all(faults.take(DROP, ONE) for _ in range(5))
    faults.clear()
    assert faults.take(DROP, ONE) is None


def test_fault_of_one_number_leaves_others_and_newcomers_alone(faults: Faults) -> None:
    faults.add(FaultSpec(kind=FaultKind.BANNED, number=ONE))
    assert faults.take(AT_LOGIN, OTHER) is None
    assert faults.take(AT_LOGIN, None) is None
    assert faults.take(AT_LOGIN, ONE)


def test_fault_for_everybody_meets_newcomers_too(faults: Faults) -> None:
    faults.add(FaultSpec(kind=FaultKind.OUTDATED))
    assert faults.take(AT_LOGIN, None)
    assert faults.take(AT_LOGIN, ONE)


def test_earlier_fault_comes_first(faults: Faults) -> None:
    faults.add(FaultSpec(kind=FaultKind.REFUSED, reason=503, times=1))
    faults.add(FaultSpec(kind=FaultKind.BANNED, times=1))
    kinds = [fault.kind for _ in range(2) if (fault := faults.take(AT_LOGIN, ONE))]
    assert kinds == [FaultKind.REFUSED, FaultKind.BANNED]


def test_lasting_fault_is_active_until_it_is_removed(faults: Faults) -> None:
    fault = faults.add(FaultSpec(kind=FaultKind.SLOW, number=ONE, delay_s=0.5))
    assert faults.active(FaultKind.SLOW, ONE) == fault
    assert faults.active(FaultKind.SLOW, OTHER) is None
    faults.remove(fault.id)
    assert faults.active(FaultKind.SLOW, ONE) is None
    with pytest.raises(NetworkError) as caught:
        faults.remove(fault.id)
    assert caught.value.code is Code.FAULT_UNKNOWN


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "refused", "reason": 402},
        {"kind": "slow", "times": 1},
        {"kind": "mute", "times": 1},
        {"kind": "unreachable", "number": ONE},
        {"kind": "dropped", "times": 0},
        {"kind": "dropped", "number": "+7 999"},
        {"kind": "gone", "times": 1},
        {"kind": "gone", "device": 1},
        {"kind": "mute", "number": ONE, "device": 1},
        {"kind": "eclipse"},
        {"kind": "dropped", "colour": "red"},
    ],
)
def test_senseless_fault_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FaultSpec.model_validate(spec)


def test_a_line_that_was_opened_later_is_not_dark(faults: Faults) -> None:
    earlier = faults.newest_id
    fault = faults.add(FaultSpec(kind=FaultKind.GONE, number=ONE, device=2))

    assert faults.silence(ONE, 2, earlier) == fault
    assert faults.silence(ONE, 1, earlier) is None
    assert faults.silence(OTHER, 2, earlier) is None
    assert faults.silence(ONE, 2, faults.newest_id) is None
