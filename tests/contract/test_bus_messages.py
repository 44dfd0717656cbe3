"""What travels over Redis, byte for byte as the golden file has it."""

import json
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from shared.errors import AppError, ErrorCode
from shared.messages.commands import Command, decode_command
from shared.messages.events import Event, SessionEvent, decode_event, decode_pong
from shared.messages.snapshot import Snapshot

GOLDEN: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "golden" / "bus.json").read_text("utf-8")
)


def kind(message: dict[str, Any]) -> str:
    return str(message.get("type"))


@pytest.mark.parametrize("golden", GOLDEN["events"], ids=kind)
def test_an_event_reads_and_writes_as_documented(golden: dict[str, Any]) -> None:
    event = decode_event(json.dumps(golden))

    assert json.loads(event.to_json()) == golden


@pytest.mark.parametrize("golden", GOLDEN["documented events"], ids=kind)
def test_an_event_of_the_old_system_is_understood_and_gets_what_is_new(
    golden: dict[str, Any],
) -> None:
    event = decode_event(json.dumps(golden))

    assert {name: json.loads(event.to_json())[name] for name in golden} == golden
    if isinstance(event, SessionEvent):
        assert event.event_id
        assert event.epoch == 1


@pytest.mark.parametrize("golden", GOLDEN["commands"], ids=kind)
def test_a_command_reads_and_writes_as_documented(golden: dict[str, Any]) -> None:
    assert json.loads(decode_command(json.dumps(golden)).to_json()) == golden


def test_a_pong_reads_and_writes_as_documented() -> None:
    assert json.loads(decode_pong(json.dumps(GOLDEN["pong"])).to_json()) == GOLDEN["pong"]


def test_a_snapshot_reads_and_writes_as_documented() -> None:
    snapshot = Snapshot.from_hash(GOLDEN["snapshot"])

    assert snapshot is not None
    assert snapshot.connected
    assert snapshot.to_hash() == GOLDEN["snapshot"]


@pytest.mark.parametrize("hash_", [{}, {"status": "connected"}, {"companyId": "x", "status": "qr"}])
def test_what_is_no_snapshot_is_none(hash_: dict[str, str]) -> None:
    assert Snapshot.from_hash(hash_) is None


def test_every_kind_of_message_has_its_golden() -> None:
    events = {model.model_fields["type"].default for model in get_args(Event)}
    commands = {model.model_fields["type"].default for model in get_args(Command)}

    assert {kind(golden) for golden in GOLDEN["events"]} == events
    assert {kind(golden) for golden in GOLDEN["commands"]} == commands


@pytest.mark.parametrize("golden", GOLDEN["refused events"], ids=kind)
def test_what_is_no_event_is_refused_and_not_repeated(golden: dict[str, Any]) -> None:
    with pytest.raises(AppError) as refused:
        decode_event(json.dumps(golden))

    assert refused.value.code is ErrorCode.INVALID_MESSAGE
    assert "79990000001" not in str(refused.value.context)


def test_an_unknown_tag_names_itself() -> None:
    with pytest.raises(AppError) as refused:
        decode_event('{"type":"nothing-we-know"}')

    assert "nothing-we-know" in str(refused.value.context["fault"])


@pytest.mark.parametrize("payload", ["", "null", "[]", "7", '"x"', "{", "\x00", "[" * 10_000])
def test_what_is_no_json_object_is_refused(payload: str) -> None:
    for decode in (decode_event, decode_command, decode_pong):
        with pytest.raises(AppError):
            decode(payload)
